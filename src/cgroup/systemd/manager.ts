// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../../errors/error.ts';
import { isSystemError } from '../../errors/system.ts';
import type { Binding } from '../../host/binding.d.ts';
import { CallError, Connection, ConnectionError } from './connection.ts';
import type { Property } from './properties.ts';
import { MarshalError, type Value, type Variant } from './types.ts';
import type { Manager } from './unit-name.ts';

const service = 'org.freedesktop.systemd1';
const object = '/org/freedesktop/systemd1';
const managerInterface = `${service}.Manager`;
const busService = 'org.freedesktop.DBus';
const jobRemoved = `type='signal',sender='${service}',interface='${managerInterface}',member='JobRemoved'`;

/** Timeout for systemd to start or stop a unit, in milliseconds. */
const jobMs = 30_000;

/** The systemd manager of the system or of a user. */
export class Systemd {
  readonly #connection: Connection;

  private constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * Calls `work` with a connection, and closes the connection afterwards.
   *
   * @throws RuntimeError `host.systemd`
   */
  static with<T>(binding: Binding, manager: Manager, work: (systemd: Systemd) => T): T {
    const systemd = Systemd.#open(binding, manager);
    try {
      return work(systemd);
    } finally {
      systemd.#connection.close();
    }
  }

  static #open(binding: Binding, manager: Manager): Systemd {
    const failures: string[] = [];
    for (const { path, bus } of addresses(binding, manager)) {
      try {
        const connection = Connection.open(binding, path);
        const systemd = new Systemd(connection);
        if (bus) systemd.#introduce();
        return systemd;
      } catch (error) {
        if (!isPeerError(error)) throw error;
        failures.push(`${path}: ${error.message}`);
      }
    }
    const tried = failures.length === 0 ? 'its address is not known' : failures.join('; ');
    throw new RuntimeError({
      code: 'host.systemd',
      stage: 'host',
      message: `unable to reach ${manager === 'system' ? 'systemd' : "the user's systemd"}: ${tried}`,
      hint:
        manager === 'system'
          ? 'omit --systemd-cgroup on a machine whose first process is not systemd'
          : 'set XDG_RUNTIME_DIR or DBUS_SESSION_BUS_ADDRESS; loginctl enable-linger keeps it running',
    });
  }

  /**
   * A bus requires Hello first and delivers only signals that a client subscribes to. The private socket needs
   * neither.
   */
  #introduce(): void {
    const toBus = { path: '/org/freedesktop/DBus', interface: busService, destination: busService };
    this.#connection.call({ ...toBus, member: 'Hello', signature: '', body: [] });
    this.#connection.call({ ...toBus, member: 'AddMatch', signature: 's', body: [jobRemoved] });
    this.#call('Subscribe', '', []);
  }

  /** Returns the version number of systemd; 0 if the answer is not a version. */
  version(): number {
    const [answer] = this.#connection.call({
      path: object,
      interface: 'org.freedesktop.DBus.Properties',
      member: 'Get',
      destination: service,
      signature: 'ss',
      body: [managerInterface, 'Version'],
    });
    const { value } = answer as Variant;
    return Number(/\d+/.exec(String(value))?.[0] ?? 0);
  }

  /** @throws CallError; ConnectionError if the job times out or fails */
  startTransientUnit(unit: string, properties: readonly Property[]): void {
    this.#job(unit, 'StartTransientUnit', 'ssa(sv)a(sa(sv))', [unit, 'replace', listed(properties), []]);
  }

  /** Like startTransientUnit. */
  stopUnit(unit: string): void {
    this.#job(unit, 'StopUnit', 'ss', [unit, 'replace']);
  }

  resetFailedUnit(unit: string): void {
    this.#call('ResetFailedUnit', 's', [unit]);
  }

  /** Sets properties until the unit or the machine stops. */
  setUnitProperties(unit: string, properties: readonly Property[]): void {
    this.#call('SetUnitProperties', 'sba(sv)', [unit, true, listed(properties)]);
  }

  #call(member: string, signature: string, body: readonly Value[]): readonly Value[] {
    return this.#connection.call({
      path: object,
      interface: managerInterface,
      member,
      destination: service,
      signature,
      body,
    });
  }

  #job(unit: string, member: string, signature: string, body: readonly Value[]): void {
    const [job] = this.#call(member, signature, body);
    const removed = this.#connection.signal(
      ({ member: name, body: [, path] }) => name === 'JobRemoved' && path === job,
      jobMs,
    );
    if (removed === undefined)
      throw new ConnectionError(`${member} of ${unit} has not finished after ${jobMs / 1000} s`);
    const result = removed.body[3];
    if (result !== 'done') throw new ConnectionError(`${member} of ${unit} ended with "${String(result)}"`);
  }
}

/** Returns true for an error from the peer or the connection; false for an internal one. */
export function isPeerError(error: unknown): error is Error {
  return (
    error instanceof CallError ||
    error instanceof ConnectionError ||
    error instanceof MarshalError ||
    isSystemError(error)
  );
}

function listed(properties: readonly Property[]): Value[] {
  return properties.map(({ name, value }) => [name, value]);
}

interface Address {
  readonly path: string;
  /** The address is that of a bus, not of systemd itself. */
  readonly bus: boolean;
}

/** systemd's private socket comes first: it exists before the bus starts, and without a bus. */
function addresses(binding: Binding, manager: Manager): Address[] {
  if (manager === 'system') {
    return [
      { path: '/run/systemd/private', bus: false },
      ...busAddresses(binding.getenv('DBUS_SYSTEM_BUS_ADDRESS') ?? ''),
      { path: '/run/dbus/system_bus_socket', bus: true },
    ];
  }
  const directory = binding.getenv('XDG_RUNTIME_DIR') ?? '';
  return [
    ...(directory === '' ? [] : [{ path: `${directory}/systemd/private`, bus: false }]),
    ...busAddresses(binding.getenv('DBUS_SESSION_BUS_ADDRESS') ?? ''),
    ...(directory === '' ? [] : [{ path: `${directory}/bus`, bus: true }]),
  ];
}

/** Returns the Unix sockets in a list such as `unix:path=/run/user/1000/bus,guid=...;unix:abstract=/tmp/x`. */
export function busAddresses(list: string): Address[] {
  const found: Address[] = [];
  for (const address of list.split(';')) {
    if (!address.startsWith('unix:')) continue;
    for (const pair of address.slice('unix:'.length).split(',')) {
      const [key, value = ''] = pair.split('=');
      const name = value.replace(/%([0-9a-fA-F]{2})/g, (_, code: string) =>
        String.fromCharCode(Number.parseInt(code, 16)),
      );
      if (key === 'path') found.push({ path: name, bus: true });
      if (key === 'abstract') found.push({ path: `@${name}`, bus: true });
    }
  }
  return found;
}
