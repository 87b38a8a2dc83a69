// SPDX-License-Identifier: Apache-2.0
import type { NetworkDrawing } from '../messages.ts';

/** Positions and sizes of the drawing of a network, in pixels. */
export interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly bridge: Box;
  readonly containers: readonly (Box & { readonly index: number; readonly ports: readonly Box[] })[];
  /** From the bridge to the containers, and from them to their ports. */
  readonly lines: readonly { readonly path: string; readonly isPort: boolean }[];
}

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const gap = 14;
const indent = 26;
const bridgeHeight = 52;
const nameHeight = 26;
const lineHeight = 17;
const padding = 9;
const portHeight = 24;
/** Least width of a column, with and without ports. */
const columnWidths = { ports: 470, none: 300 };
const widestBox = 250;
/** Pixels of a character in addresses and ports. */
export const characterWidth = 7.4;

/**
 * Computes the drawing: the bridge above, the containers below it in columns, each with its published ports at its
 * right.
 */
export function drawingOf({ containers }: Pick<NetworkDrawing, 'containers'>, width: number): Drawing {
  const least = containers.some(({ ports }) => ports.length > 0) ? columnWidths.ports : columnWidths.none;
  const columns = Math.max(1, Math.min(Math.floor(width / least), containers.length));
  const step = width / columns;
  const bottoms = Array.from({ length: columns }, () => bridgeHeight + gap * 2);
  const lines: { path: string; isPort: boolean }[] = [];
  const perColumn = Math.ceil(containers.length / columns);
  const placed = containers.map(({ addresses, ports }, index) => {
    const column = Math.floor(index / perColumn);
    const left = column * step;
    const y = bottoms[column] ?? 0;
    const hasPorts = ports.length > 0;
    const free = step - indent - gap;
    const boxWidth = Math.min(widestBox, hasPorts ? free * 0.56 : free);
    const text = nameHeight + addresses.length * lineHeight + padding * 2 - 4;
    const height = Math.max(text, ports.length * (portHeight + 4));
    bottoms[column] = y + height + gap;
    const box = { x: left + indent, y, width: boxWidth, height };
    const middle = y + height / 2;
    lines.push({ path: `M${left + 10} ${bridgeHeight}V${middle}H${box.x}`, isPort: false });
    const first = middle - (ports.length * (portHeight + 4) - 4) / 2;
    const boxes = ports.map((port, at) => {
      const x = box.x + boxWidth + 26;
      const top = first + at * (portHeight + 4);
      const end = top + portHeight / 2;
      lines.push({ path: `M${box.x + boxWidth} ${middle}h10V${end}H${x}`, isPort: true });
      const text = [...portText(port)].length * characterWidth + padding * 2;
      return { x, y: top, width: Math.min(text, left + step - gap - x), height: portHeight };
    });
    return { ...box, index, ports: boxes };
  });
  const bridge = { x: 0, y: 0, width, height: bridgeHeight };
  return { width, height: Math.max(bridgeHeight, ...bottoms) + 2, bridge, containers: placed, lines };
}

/** Cuts a text to the width of a box, for a font with characters of `size` pixels. */
export function cutTo(text: string, width: number, size: number): string {
  const most = Math.max(1, Math.floor(width / size));
  const characters = [...text];
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join('')}…`;
}

/** Returns a port in the form of `--publish` as text: `port 8800 → 80`, `port 127.0.0.1:53 → 53/udp`. */
export function portText(published: string): string {
  const [address = published, protocol = ''] = published.split('/', 2);
  const end = address.lastIndexOf(':');
  const target = end < 0 ? address : address.slice(end + 1);
  const host = end < 0 ? address : address.slice(0, end);
  return `port ${host} → ${target}${protocol === '' || protocol === 'tcp' ? '' : `/${protocol}`}`;
}
