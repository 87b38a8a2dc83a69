// SPDX-License-Identifier: Apache-2.0
import type { ActionWord, ContainerRow } from '../messages.ts';
import { act } from './api.ts';
import { confirmed } from './dialogs.ts';
import { element, setAttribute, setText } from './dom.ts';
import { showFailure } from './notices.ts';
import type { PanelKind } from './panel.ts';

interface ShownRow {
  readonly root: HTMLTableRowElement;
  readonly cells: Readonly<Record<'name' | 'image' | 'status' | 'ports', HTMLElement>>;
  readonly buttons: Readonly<Record<'run' | 'restart' | 'logs' | 'shell' | 'remove', HTMLButtonElement>>;
  row: ContainerRow;
  /** The action that has been requested and has not ended. */
  busy: string;
}

const present: Readonly<Record<ActionWord, string>> = {
  start: 'starting',
  stop: 'stopping',
  restart: 'restarting',
  pause: 'pausing',
  unpause: 'resuming',
  remove: 'removing',
};

/** The list of containers. One row is the current one: keys act on it, and Tab reaches its buttons. */
export class ContainerList {
  readonly root = element('section', { 'aria-label': 'Containers' });
  readonly #filter = element('input', {
    type: 'search',
    placeholder: 'Filter by name, image or state',
    'aria-label': 'Filter',
  });
  readonly #count = element('p', { class: 'muted', role: 'status' });
  readonly #body = element('tbody');
  readonly #empty = element('div', { class: 'empty' });
  readonly #table: HTMLTableElement;
  readonly #rows = new Map<string, ShownRow>();
  readonly #open: (kind: PanelKind, row: ContainerRow) => void;
  #containers: readonly ContainerRow[] = [];
  #current = '';

  constructor(open: (kind: PanelKind, row: ContainerRow) => void) {
    this.#open = open;
    const heads = ['Name', 'Image', 'State', 'Ports', 'Actions'].map(text =>
      element('th', { scope: 'col', class: text.toLowerCase() }, text),
    );
    this.#table = element(
      'table',
      { class: 'list containers' },
      element('thead', {}, element('tr', {}, ...heads)),
    );
    this.#table.append(this.#body);
    this.#filter.addEventListener('input', () => this.#show());
    this.#filter.addEventListener('keydown', event => {
      if (event.key === 'ArrowDown' || event.key === 'Enter') this.focus();
      else if (event.key === 'Escape' && this.#filter.value !== '') this.#filter.value = '';
      else return;
      event.preventDefault();
      event.stopPropagation();
      this.#show();
    });
    this.root.append(element('div', { class: 'tools' }, this.#filter, this.#count), this.#table, this.#empty);
    this.root.addEventListener('keydown', event => this.#key(event));
  }

  update(containers: readonly ContainerRow[]): void {
    this.#containers = containers;
    this.#show();
  }

  focusFilter(): void {
    this.#filter.focus();
    this.#filter.select();
  }

  /** Moves the focus to the current row. */
  focus(): void {
    this.#rows.get(this.#current)?.root.focus();
  }

  /** Makes a container the current one. */
  select(id: string): void {
    this.#filter.value = '';
    this.#current = id;
    this.#show();
    this.focus();
  }

  #shown(): ContainerRow[] {
    const words = this.#filter.value.toLowerCase().split(/\s+/);
    return this.#containers.filter(({ name, image, state, id, status }) => {
      const text = `${name} ${image} ${state} ${id} ${status}`.toLowerCase();
      return words.every(word => text.includes(word));
    });
  }

  #show(): void {
    const shown = this.#shown();
    const hadFocus = this.#rows.get(this.#current)?.root.contains(document.activeElement) === true;
    const before = this.#shownBefore();
    if (!shown.some(({ id }) => id === this.#current)) {
      // The container of the current row was removed: select the row that has its position now.
      const place = Math.max(0, before.indexOf(this.#current));
      this.#current = (shown[Math.min(place, shown.length - 1)] ?? { id: '' }).id;
    }
    const ids = new Set(shown.map(({ id }) => id));
    for (const [id, { root }] of this.#rows) {
      if (ids.has(id)) continue;
      root.remove();
      this.#rows.delete(id);
    }
    shown.forEach((row, index) => {
      const known = this.#rows.get(row.id) ?? this.#make(row);
      known.row = row;
      this.#fill(known);
      if (this.#body.children[index] !== known.root)
        this.#body.insertBefore(known.root, this.#body.children[index] ?? null);
    });
    if (hadFocus && document.activeElement === document.body) this.focus();
    this.#summarise(shown.length);
  }

  #shownBefore(): string[] {
    return [...this.#body.children].map(each => (each as HTMLElement).dataset['id'] ?? '');
  }

  #summarise(shown: number): void {
    const total = this.#containers.length;
    const running = this.#containers.filter(({ state }) => state === 'running').length;
    const text = `${running} running of ${total}`;
    setText(this.#count, shown === total ? text : `${shown} shown, ${text}`);
    this.#table.hidden = shown === 0;
    this.#empty.hidden = shown > 0;
    if (shown > 0) return;
    if (total > 0) this.#empty.replaceChildren(element('p', {}, 'No container matches the filter.'));
    else
      this.#empty.replaceChildren(
        element('p', {}, 'There are no containers.'),
        element('p', { class: 'muted' }, 'For example:'),
        element('code', {}, 'tsubo container run --detach --name web --publish 8800:80 busybox httpd -f'),
      );
  }

  #make(row: ContainerRow): ShownRow {
    const cell = (name: string) => element('td', { class: name });
    const cells = { name: cell('name'), image: cell('image'), status: cell('status'), ports: cell('ports') };
    const button = (text: string, work: () => void, look = '') =>
      element('button', { type: 'button', class: look, onclick: work }, text);
    const buttons = {
      run: button('Start', () => this.#toggle(made)),
      restart: button('Restart', () => void this.#act(made, 'restart')),
      logs: button('Log', () => this.#open('logs', made.row)),
      shell: button('Shell', () => this.#open('shell', made.row)),
      remove: button('Remove', () => void this.#remove(made), 'remove'),
    };
    const actions = element('td', { class: 'actions' }, ...Object.values(buttons));
    const root = element(
      'tr',
      {
        'data-id': row.id,
        onfocusin: () => this.#makeCurrent(row.id),
        ondblclick: () => this.#open('logs', made.row),
      },
      ...Object.values(cells),
      actions,
    );
    const made: ShownRow = { root, cells, buttons, row, busy: '' };
    this.#rows.set(row.id, made);
    return made;
  }

  #fill({ root, cells, buttons, row, busy }: ShownRow): void {
    const isUp = row.state === 'running' || row.state === 'paused';
    setText(cells.name, row.name);
    setAttribute(cells.name, 'title', `${row.name}\n${row.id}\n${row.command}`);
    setText(cells.image, row.image);
    setAttribute(cells.image, 'title', row.image);
    setText(cells.status, busy === '' ? row.status : `${busy} …`);
    setText(cells.ports, row.ports.replaceAll('0.0.0.0:', '').replaceAll(/, \[::\]:[^,]*/g, ''));
    setAttribute(cells.ports, 'title', row.ports);
    setAttribute(root, 'data-state', row.state);
    setAttribute(root, 'aria-label', `${row.name}, ${row.status}`);
    const isCurrent = row.id === this.#current;
    setAttribute(root, 'tabindex', isCurrent ? '0' : '-1');
    root.classList.toggle('current', isCurrent);
    setText(buttons.run, row.state === 'paused' ? 'Resume' : isUp ? 'Stop' : 'Start');
    for (const button of Object.values(buttons)) {
      setAttribute(button, 'tabindex', isCurrent ? '0' : '-1');
      button.disabled = busy !== '';
    }
    buttons.restart.disabled ||= !isUp;
    buttons.shell.disabled ||= row.state !== 'running';
  }

  #makeCurrent(id: string): void {
    if (id === this.#current) return;
    const before = this.#rows.get(this.#current);
    this.#current = id;
    for (const each of [before, this.#rows.get(id)]) if (each !== undefined) this.#fill(each);
  }

  #toggle(shown: ShownRow): void {
    const { state } = shown.row;
    void this.#act(shown, state === 'paused' ? 'unpause' : state === 'running' ? 'stop' : 'start');
  }

  async #act(shown: ShownRow, action: ActionWord): Promise<void> {
    if (shown.busy !== '') return;
    const hadFocus = shown.root.contains(document.activeElement);
    shown.busy = present[action];
    this.#fill(shown);
    // A button that is disabled loses the focus.
    if (hadFocus) shown.root.focus();
    const error = await act(action, shown.row.id);
    shown.busy = '';
    if (this.#rows.has(shown.row.id)) this.#fill(shown);
    if (error !== undefined) showFailure(`${action} ${shown.row.name}`, error);
  }

  async #remove(shown: ShownRow): Promise<void> {
    const { name, state } = shown.row;
    const isUp = state === 'running' || state === 'paused';
    const text = `${isUp ? 'It runs and will be killed. ' : ''}Its changes and its log are removed. Volumes stay.`;
    if (await confirmed(`Remove ${name}?`, text, 'Remove')) await this.#act(shown, 'remove');
    else this.focus();
  }

  #key(event: KeyboardEvent): void {
    const shown = this.#rows.get(this.#current);
    const isInput = event.target === this.#filter;
    if (shown === undefined || isInput || event.ctrlKey || event.altKey || event.metaKey) return;
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: 10, PageUp: -10, Home: -1e9, End: 1e9 }[
      event.key
    ];
    if (step !== undefined) this.#move(step);
    else if (!this.#command(shown, event)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  #move(step: number): void {
    const ids = this.#shownBefore();
    const place = Math.min(Math.max(ids.indexOf(this.#current) + step, 0), ids.length - 1);
    this.#makeCurrent(ids[place] ?? this.#current);
    this.focus();
    this.#rows.get(this.#current)?.root.scrollIntoView({ block: 'nearest' });
  }

  /** Performs the command of a key; returns false for another key. */
  #command(shown: ShownRow, { key, target }: KeyboardEvent): boolean {
    const { row } = shown;
    const isButton = target instanceof HTMLButtonElement;
    if (key === 'l' || (key === 'Enter' && !isButton)) this.#open('logs', row);
    else if (key === 'x') {
      this.#open('shell', row);
    } else if (key === 's') this.#toggle(shown);
    else if (key === 'r') void this.#act(shown, 'restart');
    else if (key === 'p') void this.#act(shown, row.state === 'paused' ? 'unpause' : 'pause');
    else if (key === 'Delete') void this.#remove(shown);
    else return false;
    return true;
  }
}
