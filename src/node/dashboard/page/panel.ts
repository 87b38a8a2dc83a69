// SPDX-License-Identifier: Apache-2.0
import type { ContainerRow, LogMessage, ShellMessage, ShownError } from '../messages.ts';
import { openSocket } from './api.ts';
import { element, setText } from './dom.ts';
import { errorText } from './notices.ts';
import { showTerminal, type TerminalView } from './terminal.ts';

/** Control sequence of a terminal. */
const hideCursor = '\u001b[?25l';

export type PanelKind = 'logs' | 'shell';

/** The lower part of the page: the log of a container, or a shell in it. */
export class Panel {
  readonly root = element('section', { class: 'panel', 'aria-label': 'Log and shell', hidden: true });
  readonly #title = element('strong', {});
  readonly #state = element('span', { class: 'muted', role: 'status' });
  readonly #place = element('div', { class: 'screen' });
  readonly #tabs: Readonly<Record<PanelKind, HTMLButtonElement>>;
  readonly #left: () => void;
  #view: TerminalView | undefined;
  #socket: WebSocket | undefined;
  #shown: { readonly kind: PanelKind; readonly id: string; readonly name: string } | undefined;
  #hasEnded = false;

  /** @param left - called when the panel is closed, or the focus leaves it with F6 */
  constructor(left: () => void) {
    this.#left = left;
    const tab = (kind: PanelKind, text: string) =>
      element('button', { type: 'button', class: 'tab', onclick: () => this.#switch(kind) }, text);
    this.#tabs = { logs: tab('logs', 'Log'), shell: tab('shell', 'Shell') };
    const tall = element('button', { type: 'button', class: 'quiet', 'aria-pressed': 'false' }, 'Enlarge');
    tall.addEventListener('click', () => {
      const isTall = this.root.classList.toggle('tall');
      tall.setAttribute('aria-pressed', String(isTall));
      setText(tall, isTall ? 'Reduce' : 'Enlarge');
    });
    const close = element('button', { type: 'button', class: 'quiet', onclick: () => this.close() }, 'Close');
    const hint = element('span', { class: 'muted hint' }, element('kbd', {}, 'F6'), ' back to the list');
    const head = element('header', {}, this.#title, this.#tabs.logs, this.#tabs.shell, this.#state, hint);
    head.append(tall, close);
    this.root.append(head, this.#place);
  }

  get isOpen(): boolean {
    return !this.root.hidden;
  }

  /** Shows the log of a container or opens a shell in it, and moves the focus there. */
  open(kind: PanelKind, { id, name }: Pick<ContainerRow, 'id' | 'name'>): void {
    const isSame = this.#shown?.kind === kind && this.#shown.id === id;
    if (!isSame || this.#hasEnded) {
      this.#reset();
      this.#shown = { kind, id, name };
      this.root.hidden = false;
      setText(this.#title, name);
      for (const [each, tab] of Object.entries(this.#tabs))
        tab.setAttribute('aria-pressed', String(each === kind));
      if (kind === 'logs') this.#showLogs(id);
      else this.#showShell(id);
    }
    this.focus();
  }

  focus(): void {
    this.#view?.terminal.focus();
  }

  /** Shows the log again after the container has been started again. */
  update(containers: readonly ContainerRow[]): void {
    const shown = this.#shown;
    if (shown === undefined) return;
    const row = containers.find(({ id }) => id === shown.id);
    if (row === undefined) setText(this.#state, 'removed');
    else if (shown.kind === 'logs' && this.#hasEnded && row.state === 'running') {
      this.#reset();
      this.#shown = shown;
      this.#showLogs(shown.id);
    }
  }

  close(): void {
    this.#reset();
    this.root.hidden = true;
    this.#left();
  }

  #switch(kind: PanelKind): void {
    if (this.#shown !== undefined) this.open(kind, this.#shown);
  }

  #reset(): void {
    this.#socket?.close();
    this.#view?.dispose();
    this.#place.replaceChildren();
    setText(this.#state, '');
    this.#socket = undefined;
    this.#view = undefined;
    this.#shown = undefined;
    this.#hasEnded = false;
  }

  #connect(path: string, interactive: boolean): { readonly socket: WebSocket; readonly view: TerminalView } {
    const view = showTerminal(this.#place, interactive);
    const socket = openSocket(path);
    this.#view = view;
    this.#socket = socket;
    view.terminal.attachCustomKeyEventHandler(event => {
      if (event.key !== 'F6') return interactive || event.key !== 'Escape';
      if (event.type === 'keydown') this.#left();
      event.preventDefault();
      event.stopPropagation();
      return false;
    });
    socket.addEventListener('close', () => {
      if (this.#socket === socket && !this.#hasEnded) this.#end('disconnected');
    });
    return { socket, view };
  }

  #end(text: string): void {
    this.#hasEnded = true;
    setText(this.#state, text);
  }

  #fail(error: ShownError): void {
    this.#view?.dispose();
    this.#view = undefined;
    this.#place.replaceChildren(errorText(error));
    this.#end('failed');
  }

  #showLogs(id: string): void {
    const { socket, view } = this.#connect(`logs/${id}`, false);
    view.terminal.write(hideCursor);
    setText(this.#state, 'no output yet');
    socket.addEventListener('message', ({ data }) => {
      if (this.#socket !== socket) return;
      const message = JSON.parse(data) as LogMessage;
      if (message.kind === 'failure') this.#fail(message.error);
      else if (message.kind === 'text') {
        setText(this.#state, '');
        view.terminal.write(message.text);
      } else
        this.#end(
          `${this.#state.textContent === '' ? 'end of the log' : 'no output'}: the container does not run`,
        );
    });
  }

  #showShell(id: string): void {
    const { socket, view } = this.#connect(`shell/${id}`, true);
    const { terminal } = view;
    const encoder = new TextEncoder();
    const send = (data: string | Uint8Array<ArrayBuffer>): void => {
      if (socket.readyState === WebSocket.OPEN) socket.send(data);
    };
    const resize = (): void => send(JSON.stringify({ columns: terminal.cols, rows: terminal.rows }));
    socket.addEventListener('open', resize);
    terminal.onResize(resize);
    terminal.onData(text => send(encoder.encode(text)));
    terminal.onBinary(text => send(Uint8Array.from(text, character => character.charCodeAt(0))));
    socket.addEventListener('message', ({ data }) => {
      if (this.#socket !== socket) return;
      if (typeof data !== 'string') return terminal.write(new Uint8Array(data));
      const message = JSON.parse(data) as ShellMessage;
      if (message.kind === 'failure') this.#fail(message.error);
      else if (message.kind === 'end') this.#end(`the shell has ended with status ${message.status}`);
      else setText(this.#state, 'connected');
    });
  }
}
