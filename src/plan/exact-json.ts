// SPDX-License-Identifier: Apache-2.0

/** JSON with two-space indent in which a bigint is an integer like every other; lists of plain values stay on one line. */
export function exactJson(value: unknown, indent = ''): string {
  if (typeof value === 'bigint') return value.toString();
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const deeper = `${indent}  `;
  if (value instanceof BigUint64Array) return exactJson([...value], indent);
  if (Array.isArray(value)) {
    const items = value.map(item => exactJson(item, deeper));
    if (value.every(item => item === null || typeof item !== 'object')) return `[${items.join(', ')}]`;
    return block('[', items, ']', indent);
  }
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .map(([name, member]) => `${JSON.stringify(name)}: ${exactJson(member, deeper)}`);
  return members.length === 0 ? '{}' : block('{', members, '}', indent);
}

function block(open: string, items: readonly string[], close: string, indent: string): string {
  return `${open}\n${items.map(item => `${indent}  ${item}`).join(',\n')}\n${indent}${close}`;
}
