// SPDX-License-Identifier: Apache-2.0

/** The first difference between the requested lines and a schemata file. */
export interface Mismatch {
  readonly line: string;
  /** The line of the resource in the file; undefined if there is none. */
  readonly found: string | undefined;
}

/**
 * Compares values: the kernel changes blanks, leading zeros, the case of letters and the order, and omits 0x. Domains that
 * are not requested may have any value.
 *
 * @param bandwidthStep - `info/MB/bandwidth_gran`: the kernel rounds percentages up to a multiple of it
 */
export function mismatch(
  wanted: readonly string[],
  schemata: string,
  bandwidthStep: number,
): Mismatch | undefined {
  const found = new Map(schemata.split('\n').map(line => parse(line)));
  for (const line of wanted.flatMap(text => text.split('\n')).filter(text => text.trim() !== '')) {
    const [resource, domains] = parse(line);
    const present = found.get(resource);
    const same = [...domains].every(([domain, value]) => {
      const current = present?.get(domain);
      return current !== undefined && sameValue(resource, value, current, bandwidthStep);
    });
    if (same && domains.size > 0) continue;
    return { line: line.trim(), found: present && `${resource}:${domainText(present)}` };
  }
  return undefined;
}

/** Parses `L3:0=7ff;1=00f` into the resource name and the value of each domain. */
function parse(line: string): readonly [resource: string, domains: Map<string, string>] {
  const colon = line.indexOf(':');
  const domains = line
    .slice(colon + 1)
    .split(';')
    .map(entry => entry.split('='))
    .filter(parts => parts.length === 2)
    .map(([id = '', value = '']) => [withoutZeros(id), value.trim().toLowerCase()] as const);
  return [line.slice(0, Math.max(colon, 0)).trim(), new Map(domains)];
}

function domainText(domains: ReadonlyMap<string, string>): string {
  return [...domains].map(([id, value]) => `${id}=${value}`).join(';');
}

function sameValue(resource: string, wanted: string, found: string, step: number): boolean {
  if (resource !== 'MB') return withoutZeros(wanted) === withoutZeros(found);
  const [requested, current] = [Number(wanted), Number(found)];
  return requested === current || Math.ceil(requested / step) * step === current;
}

function withoutZeros(text: string): string {
  return text.trim().replace(/^(0x)?0*(?=.)/, '');
}
