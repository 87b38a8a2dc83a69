// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { type TestImage, writeImage } from './images.ts';
import { NetworkMachine, type Options } from './network.ts';
import { type LogRecord, sandbox } from './sandbox.ts';
import type { Result } from './view.ts';

export interface Done extends Result {
  readonly log: readonly LogRecord[];
}

/** A machine with a store of images, containers and volumes of its own. */
export class DirectMachine extends NetworkMachine {
  get data(): string {
    return join(this.box.dir, 'data');
  }

  /** Further variables of the commands of one test. */
  variables: Readonly<Record<string, string>> = {};

  override get env(): Readonly<Record<string, string>> {
    return { ...super.env, TSUBO_DATA: this.data, ...this.variables };
  }

  image(name: string, image: TestImage = {}): string {
    return writeImage(this.data, `${name}:latest`, image);
  }

  /** `tsubo container ...` */
  container(...args: readonly string[]): Done {
    return this.oci('container', ...args);
  }

  /** The same; it must succeed. Returns standard output. */
  done(...args: readonly string[]): string {
    const { status, stdout, stderr, log } = this.container(...args);
    expect({ args, status, stderr, errors: log.filter(({ level }) => level === 'error') }).toEqual({
      args,
      status: 0,
      stderr: '',
      errors: [],
    });
    return stdout;
  }

  /** The same; it must fail with one error. */
  fails(status: number, ...args: readonly string[]): LogRecord {
    const done = this.container(...args);
    const errors = done.log.filter(({ level }) => level === 'error');
    expect({ args, status: done.status, count: errors.length }).toEqual({ args, status, count: 1 });
    return errors[0] as LogRecord;
  }

  /** Starts a container in the background; returns its id. */
  detached(...args: readonly string[]): string {
    const id = this.done('run', '-d', ...args).trim();
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    return id;
  }

  inspect(name: string) {
    return (JSON.parse(this.done('inspect', name)) as Inspected[])[0] as Inspected;
  }

  /** Waits for the end of a container; returns its exit status. */
  waited(name: string): number {
    return Number(this.done('wait', name));
  }

  logs(name: string): string {
    return this.done('logs', name);
  }

  directory(name: string): string[] {
    const path = join(this.data, name);
    return existsSync(path) ? readdirSync(path).sort() : [];
  }

  removeAll(): void {
    const ids = this.container('ls', '-aq').stdout.split('\n').filter(Boolean);
    if (ids.length > 0) this.container('rm', '-f', '-v', ...ids);
    // Nothing may be left, whatever a test has done.
    expect([this.directory('containers'), this.directory('names')]).toEqual([[], []]);
  }
}

export interface Inspected {
  readonly Id: string;
  readonly State: {
    readonly Status: string;
    readonly Pid: number;
    readonly ExitCode: number;
    readonly OOMKilled: boolean;
  };
  readonly Mounts: readonly Readonly<Record<string, unknown>>[];
  readonly Config: Readonly<Record<string, unknown>>;
  readonly NetworkSettings: {
    readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>>;
  };
}

/** A new machine for each test. */
export function directMachine(options: Options = {}): DirectMachine {
  const made = new DirectMachine(sandbox());
  beforeEach(() => made.open(options));
  afterEach(() => {
    made.variables = {};
    made.removeAll();
    made.close();
  });
  return made;
}
