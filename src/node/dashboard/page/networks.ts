// SPDX-License-Identifier: Apache-2.0
import type { NetworkDrawing } from '../messages.ts';
import { element, svg } from './dom.ts';
import { type Box, characterWidth, cutTo, drawingOf, portText } from './drawing.ts';

const widestDrawing = 1420;
const states = { up: '', absent: 'no bridge yet', conflict: 'the device is not a bridge' };

/** The drawings of the networks. */
export class NetworkList {
  readonly root = element('section', { 'aria-label': 'Networks' });
  readonly #select: (id: string) => void;
  #networks: readonly NetworkDrawing[] = [];
  #shown = '';

  /** @param select - shows a container in the list */
  constructor(select: (id: string) => void) {
    this.#select = select;
    new ResizeObserver(() => this.#draw()).observe(this.root);
  }

  update(networks: readonly NetworkDrawing[]): void {
    this.#networks = networks;
    this.#draw();
  }

  #draw(): void {
    const width = Math.min(this.root.clientWidth, widestDrawing);
    const text = JSON.stringify([width, this.#networks]);
    if (width === 0 || text === this.#shown) return;
    this.#shown = text;
    if (this.#networks.length > 0) {
      this.root.replaceChildren(...this.#networks.map(network => this.#network(network, width)));
      return;
    }
    this.root.replaceChildren(
      element(
        'div',
        { class: 'empty' },
        element('p', {}, 'There are no networks.'),
        element('p', { class: 'muted' }, 'The network default is made with the first container in it.'),
        element('code', {}, 'tsubo network create web'),
      ),
    );
  }

  #network(network: NetworkDrawing, width: number): HTMLElement {
    const { name, bridge, ranges, internal, isolated, state, containers } = network;
    const drawing = drawingOf(network, width - 2);
    const label = `${name}: bridge ${bridge}, ${containers.length} containers`;
    const view = svg('svg', {
      class: 'network',
      viewBox: `-1 -1 ${width} ${drawing.height}`,
      width: String(width),
      height: String(drawing.height),
      role: 'group',
      'aria-label': label,
    });
    for (const { path, isPort } of drawing.lines)
      view.append(svg('path', { d: path, class: isPort ? 'wire port-wire' : 'wire' }));
    const facts = [
      ...ranges.map(({ subnet, gateway }) => `${gateway} in ${subnet}`),
      ...(internal ? ['internal'] : []),
      ...(isolated ? ['isolated'] : []),
      ...(states[state] === '' ? [] : [states[state]]),
    ];
    view.append(
      rectangle(drawing.bridge, `bridge ${state}`),
      text(14, 22, cutTo(`${name} · bridge ${bridge}`, width - 28, 8.6), 'title'),
      text(14, 41, cutTo(facts.join(' · '), width - 28, characterWidth), 'address'),
    );
    for (const box of drawing.containers) {
      const container = containers[box.index];
      if (container === undefined) continue;
      view.append(this.#container(container, box));
      container.ports.forEach((port, at) => {
        const place = box.ports[at];
        if (place === undefined) return;
        const shown = cutTo(portText(port), place.width - 16, characterWidth);
        const group = svg(
          'g',
          {},
          rectangle(place, 'port'),
          text(place.x + 8, place.y + 16, shown, 'address'),
        );
        group.append(svg('title', {}, `port of this machine → port of the container: ${port}`));
        view.append(group);
      });
    }
    if (containers.length === 0) {
      view.setAttribute('height', String(drawing.bridge.height + 2));
      view.setAttribute('viewBox', `-1 -1 ${width} ${drawing.bridge.height + 2}`);
    }
    const note = containers.length === 0 ? element('p', { class: 'muted' }, 'No containers.') : '';
    return element('article', { class: 'network' }, view, note);
  }

  #container({ id, name, addresses }: NetworkDrawing['containers'][number], box: Box): SVGElement {
    const open = (): void => this.#select(id);
    const group = svg(
      'g',
      {
        class: 'container',
        tabindex: '0',
        role: 'link',
        'aria-label': `${name}, ${addresses.join(', ')}`,
        onclick: open,
        onkeydown: (event: KeyboardEvent) => {
          if (event.key === 'Enter' || event.key === ' ') open();
        },
      },
      svg('title', {}, `${name}\n${id}`),
      rectangle(box, 'box'),
      text(box.x + 12, box.y + 23, cutTo(name, box.width - 24, 8.4), 'name'),
    );
    addresses.forEach((address, at) => {
      group.append(
        text(box.x + 12, box.y + 42 + at * 17, cutTo(address, box.width - 24, characterWidth), 'address'),
      );
    });
    return group;
  }
}

function rectangle({ x, y, width, height }: Box, name: string): SVGElement {
  const sides = { x: String(x), y: String(y), width: String(width), height: String(height), rx: '6' };
  return svg('rect', { ...sides, class: name });
}

function text(x: number, y: number, content: string, name: string): SVGElement {
  return svg('text', { x: String(x), y: String(y), class: name }, content);
}
