// SPDX-License-Identifier: Apache-2.0
import '@xterm/xterm/css/xterm.css';
import './page.css';
import type { LiveMessage, ShownError, Snapshot } from '../messages.ts';
import { openSocket } from './api.ts';
import { ContainerList } from './containers.ts';
import { showKeys } from './dialogs.ts';
import { element, setText } from './dom.ts';
import { ImageList } from './images.ts';
import { NetworkList } from './networks.ts';
import { closeNotice, errorText, notices } from './notices.ts';
import { Panel } from './panel.ts';
import { applyTheme, nextTheme, theme } from './theme.ts';

const reconnectMs = 1000;

const panel = new Panel(() => showView('containers', true));
const containers = new ContainerList((kind, row) => panel.open(kind, row));
const images = new ImageList();
const networks = new NetworkList(id => {
  showView('containers', false);
  containers.select(id);
});
const views = { containers, images, networks };
type ViewName = keyof typeof views;

const names: Readonly<Record<ViewName, string>> = {
  containers: 'Containers',
  images: 'Images',
  networks: 'Networks',
};
const tabs = new Map<ViewName, HTMLButtonElement>();
const machine = element('span', { class: 'muted machine' });
const themeButton = element('button', { type: 'button', class: 'quiet' });
const problems = element('div', { class: 'problems', hidden: true });
const lost = element(
  'div',
  { class: 'lost', role: 'alert', hidden: true },
  'No connection: the dashboard has ended, or this browser has not opened it. Start ',
  element('code', {}, 'tsubo dashboard'),
  ' and open the address that it prints.',
);

function showView(name: ViewName, focus: boolean): void {
  document.body.dataset['view'] = name;
  for (const [each, view] of Object.entries(views)) view.root.hidden = each !== name;
  for (const [each, tab] of tabs) {
    if (each === name) tab.setAttribute('aria-current', 'page');
    else tab.removeAttribute('aria-current');
  }
  if (!focus) return;
  if (name === 'containers') containers.focus();
  else tabs.get(name)?.focus();
}

function build(): void {
  const navigation = element('nav', { 'aria-label': 'Views' });
  (Object.keys(views) as ViewName[]).forEach((name, index) => {
    const tab = element(
      'button',
      { type: 'button', class: 'tab', title: `key ${index + 1}`, onclick: () => showView(name, false) },
      names[name],
      element('span', { class: 'count' }),
    );
    tabs.set(name, tab);
    navigation.append(tab);
  });
  themeButton.addEventListener('click', changeTheme);
  const help = element(
    'button',
    { type: 'button', class: 'quiet', onclick: showKeys },
    'Keys ',
    element('kbd', {}, '?'),
  );
  const logo = element('img', { src: '/icon.svg', alt: '', width: '22', height: '22' });
  const head = element('header', { class: 'top' }, logo, element('h1', {}, 'tsubo'), machine, navigation);
  head.append(element('span', { class: 'space' }), themeButton, help);
  const main = element('main', {}, lost, problems, ...Object.values(views).map(({ root }) => root));
  document.body.replaceChildren(head, main, panel.root, notices);
  showView('containers', false);
  showTheme();
}

function changeTheme(): void {
  nextTheme();
  showTheme();
}

function showTheme(): void {
  setText(themeButton, { auto: 'Theme: system', light: 'Theme: light', dark: 'Theme: dark' }[theme()]);
}

function show(snapshot: Snapshot): void {
  setText(machine, `${snapshot.host}${snapshot.rootless ? ' · rootless' : ''}`);
  document.title = `tsubo · ${snapshot.host}`;
  showProblems(snapshot.problems);
  for (const name of Object.keys(views) as ViewName[]) {
    const count = tabs.get(name)?.querySelector('.count');
    if (count) setText(count, String(snapshot[name].length));
  }
  const isFirst = document.activeElement === document.body;
  containers.update(snapshot.containers);
  images.update(snapshot.images);
  networks.update(snapshot.networks);
  panel.update(snapshot.containers);
  if (isFirst) containers.focus();
}

function showProblems(errors: readonly ShownError[]): void {
  problems.hidden = errors.length === 0;
  const text = JSON.stringify(errors);
  if (problems.dataset['shown'] === text) return;
  problems.dataset['shown'] = text;
  problems.replaceChildren(...errors.map(errorText));
}

function connect(): void {
  const socket = openSocket('live');
  socket.addEventListener('open', () => {
    lost.hidden = true;
  });
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(data) as LiveMessage;
    if (message.kind === 'snapshot') show(message.snapshot);
    else showProblems([message.error]);
  });
  socket.addEventListener('close', () => {
    lost.hidden = false;
    setTimeout(connect, reconnectMs);
  });
}

/** Keys that act everywhere except in fields, dialogs and terminals. */
function onKey(event: KeyboardEvent): void {
  const { key, target } = event;
  if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector('dialog') !== null) return;
  const isElsewhere = target instanceof Element && target.closest('input, .screen') !== null;
  if (key === 'F6' && panel.isOpen) panel.focus();
  else if (key === 'Escape' && !closeNotice() && panel.isOpen) panel.close();
  else if (isElsewhere) return;
  else if (key === '1' || key === '2' || key === '3') {
    showView((Object.keys(views) as ViewName[])[Number(key) - 1] ?? 'containers', true);
  } else if (key === '/') {
    showView('containers', false);
    containers.focusFilter();
  } else if (key === '?') showKeys();
  else if (key === 'd') changeTheme();
  else return;
  event.preventDefault();
}

applyTheme();
build();
document.addEventListener('keydown', onKey);
connect();
