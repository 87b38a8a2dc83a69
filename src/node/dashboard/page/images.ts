// SPDX-License-Identifier: Apache-2.0
import { ago, decimalSize } from '../../../cli/listing.ts';
import type { ImageRow } from '../messages.ts';
import { element } from './dom.ts';

const shortIdLength = 12;

/** The list of images. */
export class ImageList {
  readonly root = element('section', { 'aria-label': 'Images' });
  #shown = '';

  update(images: readonly ImageRow[]): void {
    const now = BigInt(Date.now()) * 1_000_000n;
    const rows = images.map(image => ({ image, age: ago(image.created, now) }));
    const text = JSON.stringify(rows);
    // A selection of text stays.
    if (text === this.#shown) return;
    this.#shown = text;
    if (images.length === 0) {
      const hint = element('code', {}, 'tsubo image pull busybox');
      this.root.replaceChildren(
        element('div', { class: 'empty' }, element('p', {}, 'There are no images.'), hint),
      );
      return;
    }
    const largest = Math.max(...images.map(({ size }) => size));
    const heads = ['Name', 'Id', 'Size', 'Created', 'Used by'].map(each =>
      element('th', { scope: 'col', class: each.toLowerCase().replace(' ', '-') }, each),
    );
    const body = rows.map(({ image, age }) => rowOf(image, age, largest));
    const total = images.reduce((sum, { size }) => sum + size, 0);
    const count = images.length === 1 ? '1 image' : `${images.length} images`;
    this.root.replaceChildren(
      element('div', { class: 'tools' }, element('p', { class: 'muted' }, `${count}, ${decimalSize(total)}`)),
      element(
        'table',
        { class: 'list images' },
        element('thead', {}, element('tr', {}, ...heads)),
        element('tbody', {}, ...body),
      ),
    );
  }
}

function rowOf(
  { id, names, size, layers, platform, users }: ImageRow,
  age: string,
  largest: number,
): HTMLElement {
  const digits = id.replace(/^sha256:/, '');
  const [first = 'without a name', ...others] = names;
  const name = element(
    'td',
    { class: names.length > 0 ? 'name' : 'name muted', title: names.join('\n') },
    first,
  );
  if (others.length > 0) name.append(element('span', { class: 'muted' }, ` + ${others.join(', ')}`));
  // The length of the bar is an attribute: the page has no styles in its elements.
  const bar = element('meter', {
    min: '0',
    max: String(largest),
    value: String(size),
    'aria-hidden': 'true',
  });
  return element(
    'tr',
    {},
    name,
    element(
      'td',
      { class: 'id', title: `${id}\n${platform}, ${layers} layers` },
      digits.slice(0, shortIdLength),
    ),
    element('td', { class: 'size' }, element('span', {}, decimalSize(size)), bar),
    element('td', { class: 'created' }, age),
    element('td', { class: 'used-by', title: users.join('\n') }, users.length === 0 ? '–' : users.join(', ')),
  );
}
