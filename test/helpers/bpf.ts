// SPDX-License-Identifier: Apache-2.0

/** What the kernel shows a filter of a call. */
export interface Call {
  readonly arch: number;
  readonly number: number;
  readonly args?: readonly bigint[];
}

/** Runs a filter as the kernel does, with the checks its verifier makes. Returns SECCOMP_RET_*. */
export function runFilter(program: Uint32Array, { arch, number, args = [] }: Call): number {
  const words = [number >>> 0, arch >>> 0, 0, 0];
  for (let i = 0; i < 6; i++) {
    const value = BigInt.asUintN(64, args[i] ?? 0n);
    words.push(Number(value & 0xffffffffn), Number(value >> 32n));
  }
  let a = 0;
  for (let at = 0; ; at++) {
    if (2 * at >= program.length) throw new Error(`runs over the end at ${at}`);
    const head = program[2 * at] as number;
    const k = program[2 * at + 1] as number;
    const yes = (head >>> 16) & 255;
    const no = head >>> 24;
    switch (head & 0xffff) {
      case 0x20:
        if (k % 4 !== 0 || words[k / 4] === undefined) throw new Error(`loads from ${k}`);
        a = words[k / 4] as number;
        break;
      case 0x54:
        a = (a & k) >>> 0;
        break;
      case 0x05:
        at += k;
        break;
      case 0x15:
        at += a === k ? yes : no;
        break;
      case 0x25:
        at += a > k ? yes : no;
        break;
      case 0x35:
        at += a >= k ? yes : no;
        break;
      case 0x06:
        return k;
      default:
        throw new Error(`no such instruction: ${(head & 0xffff).toString(16)}`);
    }
  }
}
