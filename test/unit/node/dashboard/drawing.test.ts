// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { type Box, cutTo, drawingOf, portText } from '../../../../src/node/dashboard/page/drawing.ts';

function network(count: number, ports: readonly string[]) {
  const containers = Array.from({ length: count }, (_, index) => ({
    id: String(index),
    name: `c${index}`,
    addresses: ['10.63.0.2', 'fd00::2'],
    ports,
  }));
  return { containers };
}

function overlap(one: Box, other: Box): boolean {
  return (
    one.x < other.x + other.width &&
    other.x < one.x + one.width &&
    one.y < other.y + other.height &&
    other.y < one.y + one.height
  );
}

describe('the drawing of a network', () => {
  test.each([
    [1, 320, []],
    [3, 320, ['8800:80']],
    [7, 1000, ['8800:80', '127.0.0.1:53:53/udp']],
    [100, 1400, ['1:1', '2:2', '3:3', '4:4']],
  ])('of %i containers in %i pixels has no boxes over each other or outside', (count, width, ports) => {
    const drawing = drawingOf(network(count, ports), width);
    expect(drawing.containers.map(({ index }) => index)).toEqual(
      Array.from({ length: count }, (_, at) => at),
    );
    const boxes = [drawing.bridge, ...drawing.containers.flatMap(box => [box, ...box.ports])];
    expect(boxes).toHaveLength(1 + count * (1 + ports.length));
    for (const [index, box] of boxes.entries()) {
      expect(box.x).toBeGreaterThanOrEqual(0);
      expect(box.y).toBeGreaterThanOrEqual(0);
      expect(box.width).toBeGreaterThan(50);
      expect(box.x + box.width).toBeLessThanOrEqual(width);
      expect(box.y + box.height).toBeLessThanOrEqual(drawing.height);
      for (const other of boxes.slice(index + 1)) expect(overlap(box, other)).toBe(false);
    }
    // One line to each container, and one to each port.
    expect(drawing.lines).toHaveLength(count * (1 + ports.length));
  });

  test('of a network without containers is its bridge', () => {
    expect(drawingOf(network(0, []), 800)).toMatchObject({
      containers: [],
      lines: [],
      bridge: { width: 800 },
    });
  });
});

test('a text that is too long for its box is cut with an ellipsis', () => {
  expect(cutTo('web', 100, 10)).toBe('web');
  expect(cutTo('a-long-name-of-a-container', 100, 10)).toBe('a-long-na…');
  expect(cutTo('壺壺壺', 20, 10)).toBe('壺…');
});

test('a published port is shown from the machine to the container', () => {
  expect(portText('8800:80')).toBe('port 8800 → 80');
  expect(portText('127.0.0.1:53:53/udp')).toBe('port 127.0.0.1:53 → 53/udp');
  expect(portText('[::1]:8800:80/tcp')).toBe('port [::1]:8800 → 80');
  expect(portText('5000-5009:5000-5009')).toBe('port 5000-5009 → 5000-5009');
});
