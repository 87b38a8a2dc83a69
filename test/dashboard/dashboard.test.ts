// SPDX-License-Identifier: Apache-2.0
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findProgram } from '../../native/build/programs.mjs';
import { Browser } from '../helpers/browser.ts';
import { directMachine } from '../helpers/direct.ts';
import { requires } from '../helpers/requires.ts';
import { host } from '../helpers/runtime.ts';

const pictures =
  process.env['TSUBO_SCREENSHOTS'] ?? fileURLToPath(new URL('../../build/dashboard', import.meta.url));

const skipped = requires('root', 'busybox', 'filesystem:overlay', 'chromium', 'ip', 'nft');

describe.skipIf(skipped)('the dashboard in a browser', () => {
  const machine = directMachine();
  let browser: Browser;
  let server: ChildProcess;

  beforeEach(() => {
    if (machine.directory('images').length === 0) machine.image('busybox');
  });
  afterEach(async () => {
    await browser?.close();
    server?.kill('SIGKILL');
  });

  /** Starts the command and returns the address that it prints. */
  async function startDashboard(): Promise<string> {
    const words = machine.within(machine.pid, ...machine.box.command('dashboard'));
    server = machine.box.view.spawn(words, { env: machine.env });
    let text = '';
    server.stderr?.on('data', chunk => process.stderr.write(chunk));
    for (;;) {
      const [chunk] = (await once(server.stdout as NodeJS.EventEmitter, 'data')) as [Buffer];
      text += String(chunk);
      const url = /http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]+/.exec(text)?.[0];
      if (url !== undefined) return url;
    }
  }

  async function startBrowser(url: string): Promise<void> {
    const program = findProgram('chromium') ?? '';
    browser = await Browser.start(machine.within(machine.pid), program, machine.box.mkdir('profile'));
    await browser.size(1280, 800);
    await browser.colours('light');
    await browser.open(url);
    await browser.until('document.querySelector(".count")?.textContent');
  }

  const run = (...words: readonly string[]) => machine.detached('--stop-timeout', '1', ...words);
  const picture = (name: string) => browser.screenshot(join(pictures, host, `${name}.png`));
  const row = (name: string) =>
    `[...document.querySelectorAll('.containers tbody tr')].find(row => row.cells[0].textContent === '${name}')`;
  const button = (name: string, text: string) =>
    `[...(${row(name)}?.querySelectorAll('button') ?? [])].find(each => each.textContent === '${text}' && !each.disabled)`;
  const state = (name: string) => `${row(name)}?.dataset.state`;
  const terminalHas = (text: string) =>
    `[...document.querySelectorAll('.terminal .xterm-rows > div')].some(line => line.textContent.includes('${text}'))`;
  const tab = (text: string) =>
    `[...document.querySelectorAll('nav .tab')].find(each => each.textContent.startsWith('${text}'))`;

  test('shows every container and performs every action with the mouse', async () => {
    machine.detached(
      '--name',
      'web',
      '-p',
      '8800:80',
      'busybox',
      'sh',
      '-c',
      'echo first line; exec sleep 1000',
    );
    machine.done('run', '--name', 'job', 'busybox', 'sh', '-c', 'echo done');
    await startBrowser(await startDashboard());
    await browser.until(`${state('web')} === 'running' && ${state('job')} === 'exited'`);
    expect(await browser.value(`${row('web')}.cells[3].textContent`)).toBe('8800->80/tcp');
    await picture('containers-light');

    await browser.click(button('job', 'Log'));
    await browser.until(terminalHas('done'));
    await browser.until(
      `document.querySelector('.panel [role=status]').textContent.startsWith('end of the log')`,
    );

    await browser.click(button('web', 'Log'));
    await browser.until(terminalHas('first line'));
    machine.done('exec', 'web', 'sh', '-c', 'echo second line >/proc/1/fd/1');
    await browser.until(terminalHas('second line'));
    await picture('log-light');

    await browser.click(button('web', 'Shell'));
    await browser.until(terminalHas('/ #'));
    await browser.type('stty size; echo $((6 * 7)) >/answer; cat /answer');
    await browser.press('Enter');
    await browser.until(terminalHas('42'));
    expect(machine.done('exec', 'web', 'cat', '/answer')).toBe('42\n');
    await picture('shell-light');

    await browser.click(button('web', 'Stop'));
    await browser.until(`${state('web')} === 'exited'`);
    await browser.until(`document.querySelector('.panel [role=status]').textContent.includes('status')`);
    await browser.click(button('web', 'Start'));
    await browser.until(`${state('web')} === 'running'`);
    const before = machine.inspect('web').State.Pid;
    await browser.click(button('web', 'Restart'));
    await browser.until(
      `${state('web')} === 'running' && ${row('web')}.cells[2].textContent.startsWith('Up')`,
    );
    expect(machine.inspect('web').State.Pid).not.toBe(before);

    await browser.click(button('job', 'Remove'));
    await browser.until('document.querySelector("dialog")?.open');
    await picture('remove-light');
    await browser.click('document.querySelector("dialog .danger")');
    await browser.until(`${row('job')} === undefined`);
    expect(machine.container('inspect', 'job').status).toBe(1);

    await browser.click(tab('Images'));
    await browser.until(`document.querySelector('.images td.name')?.textContent === 'busybox:latest'`);
    expect(await browser.value(`document.querySelector('.images td.used-by').textContent`)).toBe('web');
    await picture('images-light');
    await browser.click(tab('Networks'));
    await browser.until(`document.querySelector('svg .container .name')?.textContent === 'web'`);
    await picture('networks-light');
    const texts = await browser.value<string[]>(
      `[...document.querySelectorAll('svg text')].map(each => each.textContent)`,
    );
    const address = machine.inspect('web').NetworkSettings.Networks['default']?.IPAddress;
    expect(texts).toEqual(expect.arrayContaining(['web', address, 'port 8800 → 80']));
    expect(browser.complaints).toEqual([]);
  });

  test('is used with the keyboard alone, in the dark', async () => {
    run('--name', 'one', 'busybox', 'sleep', '1000');
    run('--name', 'two', 'busybox', 'sleep', '1000');
    await startBrowser(await startDashboard());
    await browser.colours('dark');
    await browser.until(`${state('one')} === 'running'`);
    const current = `document.activeElement.cells?.[0].textContent`;
    await browser.until(`${current} === 'two'`);
    await browser.press('ArrowDown');
    await browser.until(`${current} === 'one'`);
    await browser.press('s');
    await browser.until(`${state('one')} === 'exited'`);
    await browser.press('s');
    await browser.until(
      `${state('one')} === 'running' && ${row('one')}.cells[2].textContent.startsWith('Up')`,
    );
    await browser.press('p');
    await browser.until(`${state('one')} === 'paused'`);
    await picture('containers-dark');
    await browser.press('p');
    await browser.until(`${state('one')} === 'running'`);
    await browser.press('x');
    await browser.until(terminalHas('/ #'));
    await browser.type('hostname >/who; echo 1 2 3');
    await browser.press('Enter');
    await browser.until(terminalHas('1 2 3'));
    await picture('shell-dark');
    await browser.press('F6');
    await browser.until(`${current} === 'one'`);
    await browser.press('l');
    await browser.until(`document.querySelector('.panel .tab[aria-pressed=true]').textContent === 'Log'`);
    await browser.press('F6');
    await browser.until(`${current} === 'one'`);
    await browser.press('Escape');
    await browser.until('document.querySelector(".panel").hidden');
    await browser.press('3');
    await browser.until(`document.querySelector('svg .container')`);
    await picture('networks-dark');
    await browser.press('2');
    await browser.until(`document.querySelector('.images td.name')`);
    await picture('images-dark');
    await browser.press('1');
    await browser.until(`${current} === 'one'`);
    await browser.press('?');
    await browser.until('document.querySelector("dialog")?.open');
    await picture('keys-dark');
    await browser.press('Escape');
    await browser.until('document.querySelector("dialog") === null');
    await browser.press('Delete');
    await browser.until('document.querySelector("dialog")?.open');
    await browser.press('Enter');
    await browser.until(`${row('one')} === undefined`);
    await browser.until(`${current} === 'two'`);
    expect(machine.done('ls', '--all', '--format', 'json').trim().split('\n')).toHaveLength(1);
    expect(browser.complaints).toEqual([]);
  });

  const fits = 'document.documentElement.scrollWidth <= innerWidth';

  test('shows a failure with its hint until it is closed', async () => {
    run('--name', 'web', '-p', '8800:80', 'busybox', 'sleep', '1000');
    machine.done('create', '--name', 'other', '-p', '8800:80', 'busybox', 'sleep', '1000');
    const { hint } = machine.fails(1, 'start', 'other');
    await startBrowser(await startDashboard());
    await browser.click(button('other', 'Start'));
    const notice = (part: string) => `document.querySelector('.notice ${part}')?.textContent`;
    await browser.until(notice('p'));
    expect(await browser.value(notice('p'))).toMatch(/port 8800\/tcp of 0\.0\.0\.0 is in use by container /);
    expect(await browser.value(notice('code'))).toBe('network.port-taken');
    const hints = `[...document.querySelectorAll('.notice dd')].map(each => each.textContent)`;
    expect(await browser.value(hints)).toEqual(['--publish', hint]);
    await picture('failure-light');
    await browser.press('Escape');
    await browser.until('document.querySelector(".notice") === null');
    server.kill('SIGKILL');
    await browser.until('!document.querySelector(".lost").hidden');
    await picture('lost-light');
  });

  test('stays legible with 100 containers, long names, and in a narrow window', async () => {
    const long = 'a-very-long-name-of-a-container-that-has-all-its-details-in-its-name-0123456789';
    const image = 'registry.example/a-team-with-a-long-name/and-a-project/an-image-that-has-a-long-name';
    machine.must('image', 'tag', 'busybox', image);
    for (let index = 1; index <= 90; index++)
      machine.done('create', '--name', `job-${index}`, 'busybox', 'true');
    const ports = ['-p', '8800:80', '-p', '127.0.0.1:5300-5309:53-62/udp', '-p', '8443:443'];
    run('--name', long, ...ports, image, 'sleep', '1000');
    for (let index = 1; index <= 9; index++) run('--name', `web-${index}`, 'busybox', 'sleep', '1000');
    await startBrowser(await startDashboard());
    await browser.until('document.querySelectorAll(".containers tbody tr").length === 100');
    await picture('many-light');
    expect(await browser.value(fits)).toBe(true);
    await browser.press('/');
    await browser.type('very-long running');
    await browser.until('document.querySelectorAll(".containers tbody tr").length === 1');
    await browser.press('Enter', 'l');
    await browser.until('!document.querySelector(".panel").hidden');
    await picture('long-light');
    for (const [width, height] of [
      [390, 800],
      [760, 800],
    ] as const) {
      await browser.size(width, height);
      await browser.press('F6', 'Escape', '1');
      for (const [key, name] of ['containers', 'images', 'networks'].entries()) {
        await browser.press(String(key + 1));
        await picture(`narrow-${width}-${name}`);
        expect({ width, name, fits: await browser.value(fits) }).toEqual({ width, name, fits: true });
      }
      await browser.press('1', 'x');
      await browser.until(terminalHas('/ #'));
      await picture(`narrow-${width}-shell`);
    }
    await browser.size(1440, 900);
    await browser.press('F6', '3');
    await picture('networks-many-light');
    expect(browser.complaints).toEqual([]);
  });

  test('shows that there are no containers, images and networks', async () => {
    machine.variables = { TSUBO_DATA: machine.box.mkdir('empty') };
    await startBrowser(await startDashboard());
    for (const [key, name] of ['containers', 'images', 'networks'].entries()) {
      await browser.press(String(key + 1));
      const text = `document.querySelector('section:not([hidden]) .empty:not([hidden]) p')?.textContent`;
      await browser.until(`${text} === 'There are no ${name}.'`);
      await picture(`empty-${name}`);
    }
  });
});
