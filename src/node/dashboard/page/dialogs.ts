// SPDX-License-Identifier: Apache-2.0
import { element } from './dom.ts';

/** Asks before an action that cannot be undone. Afterwards, the focus returns to the previous element. */
export function confirmed(title: string, text: string, action: string): Promise<boolean> {
  const agree = element('button', { class: 'danger', value: 'yes' }, action);
  const cancel = element('button', { value: 'no' }, 'Cancel');
  const heading = element('h2', { id: 'dialog-title' }, title);
  const form = element('form', { method: 'dialog' }, heading, element('p', {}, text));
  form.append(element('div', { class: 'buttons' }, cancel, agree));
  const dialog = element('dialog', { 'aria-labelledby': 'dialog-title' }, form);
  return new Promise(resolve => {
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    document.body.append(dialog);
    dialog.showModal();
    agree.focus();
  });
}

const keys: readonly (readonly [keys: readonly string[], meaning: string])[] = [
  [['1', '2', '3'], 'containers, images, networks'],
  [['↑', '↓'], 'previous and next row'],
  [['/'], 'filter'],
  [['Enter'], 'open the log of the container'],
  [['l'], 'log'],
  [['x'], 'shell'],
  [['s'], 'start or stop'],
  [['r'], 'restart'],
  [['p'], 'pause or resume'],
  [['Delete'], 'remove'],
  [['F6'], 'leave and enter the log or the shell'],
  [['Esc'], 'close a failure, the log or the shell'],
  [['d'], 'light, dark, or as the system'],
  [['?'], 'this page'],
];

export function showKeys(): void {
  const rows = keys.map(([names, meaning]) =>
    element(
      'tr',
      {},
      element('th', { scope: 'row' }, ...names.map(name => element('kbd', {}, name))),
      element('td', {}, meaning),
    ),
  );
  const dialog = element(
    'dialog',
    { class: 'keys', 'aria-label': 'Keys' },
    element('h2', {}, 'Keys'),
    element('table', {}, element('tbody', {}, ...rows)),
    element('form', { method: 'dialog', class: 'buttons' }, element('button', {}, 'Close')),
  );
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
