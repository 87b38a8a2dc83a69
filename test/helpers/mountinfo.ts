// SPDX-License-Identifier: Apache-2.0

/** One line of proc_pid_mountinfo(5). */
export interface Mount {
  readonly id: number;
  readonly parent: number;
  /** major:minor of the file system. */
  readonly device: string;
  /** The mounted part of the file system. */
  readonly root: string;
  readonly target: string;
  /** Mount options: `ro`, `nosuid`, ... */
  readonly options: readonly string[];
  /** `shared`, `slave`, `unbindable`; empty for private. Group numbers are omitted. */
  readonly propagation: readonly string[];
  readonly type: string;
  readonly source: string;
  /** Options of the file system (the superblock). */
  readonly superOptions: readonly string[];
}

export function parseMountinfo(text: string): Mount[] {
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => {
      const [before = '', after = ''] = line.split(' - ');
      const [id, parent, device = '', root = '', target = '', options = '', ...tags] = before.split(' ');
      const [type = '', source = '', superOptions = ''] = after.split(' ');
      return {
        id: Number(id),
        parent: Number(parent),
        device,
        root: unescapeOctal(root),
        target: unescapeOctal(target),
        options: options.split(','),
        propagation: tags
          .filter(tag => !tag.startsWith('propagate_from'))
          .map(tag => tag.replace(/:.*/, '').replace('master', 'slave')),
        type,
        source: unescapeOctal(source),
        superOptions: superOptions.split(','),
      };
    });
}

/** The kernel writes space, tab, newline and backslash as octal escapes. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
