// SPDX-License-Identifier: Apache-2.0

/** The context that the kernel passes to a device program. */
export interface DeviceRequest {
  readonly type: 'b' | 'c';
  /** Bits: 1 mknod, 2 read, 4 write. */
  readonly access: number;
  readonly major: number;
  readonly minor: number;
}

/** Instructions that no path reaches; the verifier of the kernel rejects them. */
export function unreachable(program: Uint8Array): number[] {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const count = program.byteLength / 8;
  const reached = new Set<number>();
  const next = [0];
  for (let at = next.pop(); at !== undefined; at = next.pop()) {
    if (reached.has(at)) continue;
    reached.add(at);
    const opcode = view.getUint8(at * 8);
    const target = at + 1 + view.getInt16(at * 8 + 2, true);
    if (opcode === 0x95) continue;
    if (opcode !== 0x05) next.push(at + 1);
    if (opcode === 0x05 || opcode === 0x16 || opcode === 0x56 || opcode === 0x46) next.push(target);
  }
  return Array.from({ length: count }, (_, at) => at).filter(at => !reached.has(at));
}

/** Interprets a program as the kernel does, with the checks of its verifier, and returns its result. */
export function runDeviceProgram(program: Uint8Array, request: DeviceRequest): number {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const context = [
    ((request.access << 16) | (request.type === 'b' ? 1 : 2)) >>> 0,
    request.major >>> 0,
    request.minor >>> 0,
  ];
  const contextPointer = 1n << 40n;
  // Only the context is initialised; r10 is the stack, which these programs do not use.
  const registers: (bigint | undefined)[] = [];
  registers[1] = contextPointer;
  const count = program.byteLength / 8;
  for (let at = 0, steps = 0; ; at++) {
    if (at < 0 || at >= count) throw new Error(`runs out of the program at ${at}`);
    if (steps++ > count) throw new Error('goes back');
    const opcode = view.getUint8(at * 8);
    const to = view.getUint8(at * 8 + 1) & 15;
    const from = view.getUint8(at * 8 + 1) >> 4;
    const offset = view.getInt16(at * 8 + 2, true);
    const immediate = view.getInt32(at * 8 + 4, true);
    const value = (number: number): bigint => {
      const found = registers[number];
      if (found === undefined) throw new Error(`reads r${number} before it is written, at ${at}`);
      return found;
    };
    const word = BigInt(immediate >>> 0);
    switch (opcode) {
      case 0x61: {
        const loaded = value(from) === contextPointer ? context[offset / 4] : undefined;
        if (loaded === undefined) throw new Error(`loads from ${offset} at ${at}`);
        registers[to] = BigInt(loaded);
        break;
      }
      case 0xb7:
        registers[to] = BigInt.asUintN(64, BigInt(immediate));
        break;
      case 0xbf:
        registers[to] = value(from);
        break;
      case 0x77:
        registers[to] = value(to) >> BigInt(immediate);
        break;
      case 0x57:
        registers[to] = value(to) & BigInt.asUintN(64, BigInt(immediate));
        break;
      case 0x05:
        at += offset;
        break;
      case 0x16:
        if ((value(to) & 0xffffffffn) === word) at += offset;
        break;
      case 0x56:
        if ((value(to) & 0xffffffffn) !== word) at += offset;
        break;
      case 0x46:
        if ((value(to) & word) !== 0n) at += offset;
        break;
      case 0x95:
        return Number(value(0));
      default:
        throw new Error(`no such instruction: ${opcode.toString(16)} at ${at}`);
    }
  }
}
