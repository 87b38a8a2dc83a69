// SPDX-License-Identifier: Apache-2.0
import type { Binding } from '../../host/binding.d.ts';
import type { Pressure, PressureStats } from '../../oci/stats.ts';
import { fileText, integer, linesOf, parse } from './files.ts';

const none: Pressure = { avg10: 0, avg60: 0, avg300: 0, total: 0 };

/** Returns the content of a file such as `cpu.pressure` as member `psi`; no member if the kernel has no PSI. */
export function pressure(binding: Binding, cgroup: string, name: string): { readonly psi?: PressureStats } {
  const text = fileText(binding, cgroup, name);
  if (text === undefined) return {};
  const found = new Map(linesOf(text).map(line => readLine(line)));
  return { psi: { some: found.get('some') ?? none, full: found.get('full') ?? none } };
}

/** `some avg10=0.00 avg60=0.00 avg300=0.00 total=0` */
function readLine(line: string): [string, Pressure] {
  const [kind = '', ...fields] = line.split(' ');
  const values = new Map(fields.map(field => field.split('=') as [string, string]));
  const average = (name: string): number => Number(values.get(name) ?? 0);
  const total = integer(parse(values.get('total') ?? ''));
  return [kind, { avg10: average('avg10'), avg60: average('avg60'), avg300: average('avg300'), total }];
}
