// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

interface Message {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly sessionId?: string;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

const timeoutMs = 30_000;

/** Key codes that Chromium needs for keys without a character. */
const keyCodes: Readonly<Record<string, number>> = {
  Enter: 13,
  Escape: 27,
  Tab: 9,
  Delete: 46,
  ArrowUp: 38,
  ArrowDown: 40,
  End: 35,
  F6: 117,
};

/** A headless Chromium with one page, over the DevTools protocol on descriptors 3 and 4. */
export class Browser {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #session = '';
  #count = 0;
  #pending = '';
  /** Errors and refusals of the content security policy that the page has logged. */
  readonly complaints: string[] = [];

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.once('exit', (code, signal) => {
      for (const { reject } of this.#waiting.values())
        reject(new Error(`the browser has ended: ${signal ?? code}`));
      this.#waiting.clear();
    });
    // EPIPE: the browser has ended.
    (child.stdio[3] as Writable).on('error', () => {});
    (child.stdio[4] as Readable).setEncoding('utf8').on('data', (text: string) => this.#receive(text));
  }

  /**
   * @param before - words in front of the program, which enter a namespace
   * @param profile - an empty directory
   */
  static async start(before: readonly string[], program: string, profile: string): Promise<Browser> {
    const words = [
      ...before,
      program,
      '--headless=new',
      '--remote-debugging-pipe',
      `--user-data-dir=${profile}`,
      // Chromium refuses its sandbox to root, and the machine of the test may lack /dev/shm.
      ...['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--no-first-run', '--hide-scrollbars'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync', 'about:blank'],
    ];
    const [file = '', ...args] = words;
    const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    const browser = new Browser(child);
    const { targetInfos } = (await browser.#send('Target.getTargets')) as {
      readonly targetInfos: readonly { readonly targetId: string; readonly type: string }[];
    };
    const page = targetInfos.find(({ type }) => type === 'page');
    const attached = await browser.#send('Target.attachToTarget', {
      targetId: page?.targetId,
      flatten: true,
    });
    browser.#session = (attached as { readonly sessionId: string }).sessionId;
    for (const domain of ['Page', 'Runtime', 'Log']) await browser.#send(`${domain}.enable`);
    return browser;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise(resolve => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }

  async open(url: string): Promise<void> {
    await this.#send('Page.navigate', { url });
    await this.until('document.readyState === "complete"');
  }

  /** The value of an expression in the page. */
  async value<T>(expression: string): Promise<T> {
    const done = (await this.#send('Runtime.evaluate', {
      expression,
      returnByValue: true,
      awaitPromise: true,
    })) as {
      readonly result: { readonly value: T };
      readonly exceptionDetails?: { readonly exception?: { readonly description?: string } };
    };
    const { exceptionDetails } = done;
    if (exceptionDetails !== undefined)
      throw new Error(`${expression}: ${exceptionDetails.exception?.description ?? 'failed'}`);
    return done.result.value;
  }

  /** Waits until an expression in the page is true. */
  async until(expression: string): Promise<void> {
    for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await sleep(25))
      if (await this.value<boolean>(`Boolean(${expression})`)) return;
    throw new Error(`not within ${timeoutMs} ms: ${expression}`);
  }

  /** Presses a key, or a character. */
  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      const code = keyCodes[key];
      const text = key === 'Enter' ? '\r' : code === undefined ? key : undefined;
      const common = { key, ...(code !== undefined && { windowsVirtualKeyCode: code, code: key }) };
      await this.#send('Input.dispatchKeyEvent', {
        type: text === undefined ? 'rawKeyDown' : 'keyDown',
        ...common,
        ...(text !== undefined && { text }),
      });
      await this.#send('Input.dispatchKeyEvent', { type: 'keyUp', ...common });
    }
  }

  type(text: string): Promise<void> {
    return this.press(...text);
  }

  /** Clicks in the middle of the element that an expression returns. */
  async click(expression: string): Promise<void> {
    await this.until(expression);
    const { x, y } = await this.value<{ readonly x: number; readonly y: number }>(`(() => {
      const element = ${expression};
      element.scrollIntoView({ block: 'nearest' });
      const { left, top, width, height } = element.getBoundingClientRect();
      return { x: left + width / 2, y: top + height / 2 };
    })()`);
    for (const type of ['mousePressed', 'mouseReleased'])
      await this.#send('Input.dispatchMouseEvent', { type, x, y, button: 'left', clickCount: 1 });
  }

  async size(width: number, height: number): Promise<void> {
    const metrics = { width, height, deviceScaleFactor: 1, mobile: false };
    await this.#send('Emulation.setDeviceMetricsOverride', metrics);
  }

  /** The preference of the system. */
  async colours(scheme: 'light' | 'dark'): Promise<void> {
    const features = [{ name: 'prefers-color-scheme', value: scheme }];
    await this.#send('Emulation.setEmulatedMedia', { features });
  }

  async screenshot(file: string): Promise<void> {
    // Two frames: changes of the size are drawn.
    await this.value('new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))');
    const { data } = (await this.#send('Page.captureScreenshot', { format: 'png' })) as {
      readonly data: string;
    };
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, Buffer.from(data, 'base64'));
  }

  #send(method: string, params: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const id = ++this.#count;
    const message = { id, method, params, ...(this.#session !== '' && { sessionId: this.#session }) };
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      (this.#child.stdio[3] as Writable).write(`${JSON.stringify(message)}\0`);
    });
  }

  #receive(text: string): void {
    const messages = (this.#pending + text).split('\0');
    this.#pending = messages.pop() ?? '';
    for (const message of messages) this.#take(JSON.parse(message) as Message);
  }

  #take({ id, result, error, method, params }: Message): void {
    if (id === undefined) {
      // A warning is, for example, that the page has closed a connection before it was open.
      const { level } = (params?.['entry'] ?? {}) as { readonly level?: string };
      if (method === 'Runtime.exceptionThrown' || level === 'error')
        this.complaints.push(JSON.stringify(params));
      return;
    }
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error.message));
  }
}
