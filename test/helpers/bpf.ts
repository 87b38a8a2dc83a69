// SPDX-License-Identifier: Apache-2.0

/** The data that the kernel passes to a filter for a call. */
export interface Call {
  readonly arch: number;
  readonly number: number;
  readonly args?: readonly bigint[];
}

/** Number of words of struct seccomp_data before the arguments, and in total. */
const argumentsAt = 4;
const dataWords = 16;

/** A call as struct seccomp_data, in words of 32 bits. */
export function seccompData({ arch, number, args = [] }: Call): Uint32Array {
  const words = new Uint32Array(dataWords);
  words[0] = number;
  words[1] = arch;
  setArguments(words, args);
  return words;
}

export function setArguments(data: Uint32Array, args: readonly bigint[]): void {
  for (let i = 0; i < 6; i++) {
    const value = BigInt.asUintN(64, args[i] ?? 0n);
    data[argumentsAt + 2 * i] = Number(value & 0xffffffffn);
    data[argumentsAt + 2 * i + 1] = Number(value >> 32n);
  }
}

/** Interprets a filter as the kernel does, with the same validation. */
export class Filter {
  /** Whether the last run loaded an argument. If not, its verdict applies to the call with any arguments. */
  argued = false;
  private readonly codes: Uint16Array;
  private readonly yes: Uint8Array;
  private readonly no: Uint8Array;
  private readonly operands: Uint32Array;

  /** @param program - pairs of words, one struct sock_filter each */
  constructor(program: Uint32Array) {
    const length = program.length / 2;
    if (length < 1 || length > 4096) throw new Error(`a filter of ${length} instructions`);
    this.codes = new Uint16Array(length);
    this.yes = new Uint8Array(length);
    this.no = new Uint8Array(length);
    this.operands = new Uint32Array(length);
    for (let at = 0; at < length; at++) {
      const head = program[2 * at] as number;
      const k = program[2 * at + 1] as number;
      const code = head & 0xffff;
      this.codes[at] = code;
      this.yes[at] = head >>> 16;
      this.no[at] = head >>> 24;
      this.operands[at] = k;
      const left = length - at - 1;
      const jump = code === 0x05 ? k : Math.max(this.yes[at] as number, this.no[at] as number);
      if (code !== 0x06 && jump >= left) throw new Error(`runs over the end at ${at}`);
      if (code === 0x20 && (k % 4 !== 0 || k >= 4 * dataWords)) throw new Error(`loads from ${k}`);
    }
  }

  /** SECCOMP_RET_* with its data. */
  run(data: Uint32Array): number {
    const { codes, operands, yes, no } = this;
    let a = 0;
    this.argued = false;
    for (let at = 0; ; at++) {
      const k = operands[at] as number;
      switch (codes[at]) {
        case 0x20:
          a = data[k >>> 2] as number;
          if (k >= 4 * argumentsAt) this.argued = true;
          break;
        case 0x54:
          a = (a & k) >>> 0;
          break;
        case 0x05:
          at += k;
          break;
        case 0x15:
          at += (a === k ? yes[at] : no[at]) as number;
          break;
        case 0x25:
          at += (a > k ? yes[at] : no[at]) as number;
          break;
        case 0x35:
          at += (a >= k ? yes[at] : no[at]) as number;
          break;
        case 0x06:
          return k;
        default:
          throw new Error(`no such instruction: ${codes[at]?.toString(16)}`);
      }
    }
  }
}

/** The verdict of a filter on one call. */
export function runFilter(program: Uint32Array, call: Call): number {
  return new Filter(program).run(seccompData(call));
}
