// SPDX-License-Identifier: Apache-2.0

/** One method in the header WWW-Authenticate. */
export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** Parses `Bearer realm="https://auth.example/token",service="x", Basic realm="y"` (RFC 9110, 11.6.1). */
export function parseChallenges(header: string): Challenge[] {
  const found: { scheme: string; parameters: Record<string, string> }[] = [];
  // Matches a parameter, otherwise the name of a scheme.
  const pattern = /([\w!#$%&'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))|([\w!#$%&'*+.^`|~-]+)/g;
  for (const [, name, quoted, plain, scheme] of header.matchAll(pattern)) {
    if (scheme !== undefined) found.push({ scheme: scheme.toLowerCase(), parameters: {} });
    else if (name !== undefined) {
      const last = found.at(-1);
      if (last !== undefined)
        last.parameters[name.toLowerCase()] = quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '';
    }
  }
  return found;
}
