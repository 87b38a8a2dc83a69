// SPDX-License-Identifier: Apache-2.0

/** JSON with two-space indent and exact integers for bigints; lists of plain values stay on one line. */
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

/** The same on one line, cut after `most` characters. The cost depends on the shown part, not on the size of the value. */
export function jsonExcerpt(value: unknown, most: number): string {
  const out = new Excerpt(most);
  out.value(value);
  return out.text.length <= most ? out.text : `${out.text.slice(0, most)}...`;
}

/** Stops once the text is longer than `most`. */
class Excerpt {
  text = '';
  private readonly most: number;

  constructor(most: number) {
    this.most = most;
  }

  value(value: unknown): void {
    if (typeof value === 'string') this.text += JSON.stringify(value.slice(0, this.most));
    else if (Array.isArray(value)) this.list(value);
    else if (typeof value === 'object' && value !== null) this.object(value as Record<string, unknown>);
    else this.text += typeof value === 'bigint' ? value.toString() : JSON.stringify(value);
  }

  private list(items: readonly unknown[]): void {
    const plain = items.slice(0, this.most).every(item => item === null || typeof item !== 'object');
    this.text += plain ? '[' : '[ ';
    for (let index = 0; index < items.length && this.text.length <= this.most; index++) {
      if (index > 0) this.text += ', ';
      this.value(items[index]);
    }
    this.text += plain ? ']' : ' ]';
  }

  private object(members: Readonly<Record<string, unknown>>): void {
    const names = Object.keys(members).filter(name => members[name] !== undefined);
    this.text += names.length === 0 ? '{' : '{ ';
    for (let index = 0; index < names.length && this.text.length <= this.most; index++) {
      const name = names[index] as string;
      this.text += `${index > 0 ? ', ' : ''}${JSON.stringify(name.slice(0, this.most))}: `;
      this.value(members[name]);
    }
    this.text += names.length === 0 ? '}' : ' }';
  }
}
