// SPDX-License-Identifier: Apache-2.0
import type { Shape } from '../../src/oci/shape.ts';
import { configShape } from '../../src/validate/config-shape.ts';
import type { Random } from '../helpers/random.ts';
import { anyJson, anyText, mutateText } from './mutate.ts';

type Container = Record<string, unknown>;

/** A place of a document, and the shape that the specification gives it. */
interface Place {
  readonly parent: Container;
  readonly key: string;
  readonly shape: Shape | undefined;
  readonly path: string;
}

/**
 * Generates texts of config.json. It changes existing configs at places of the specification's shape: another value of
 * the right type, which often occurs at the same place of another config, a boundary, a wrong type, a missing or a
 * repeated entry. Few texts are then changed as bytes.
 */
export class ConfigGenerator {
  readonly #configs: readonly unknown[];
  /** Values by the path of their place, with `*` for entries. */
  readonly #words = new Map<string, unknown[]>();
  readonly #texts: string[] = [];

  constructor(configs: readonly unknown[]) {
    this.#configs = configs;
    for (const config of configs) {
      for (const { parent, key, path } of placesIn(config, configShape)) {
        const value = parent[key];
        const known = this.#words.get(path) ?? [];
        known.push(value);
        this.#words.set(path, known);
        if (typeof value === 'string') this.#texts.push(value);
      }
    }
  }

  text(random: Random): string {
    if (random.once(5000)) return JSON.stringify(this.huge(random));
    const text = exactText(this.value(random));
    return random.once(12) ? mutateText(random, text) : text;
  }

  value(random: Random): unknown {
    const config = structuredClone(random.pick(this.#configs));
    if (random.once(500)) return anyJson(random);
    for (let edits = random.below(6); edits > 0; edits--) this.#edit(random, config);
    return config;
  }

  /** A config with very many entries somewhere, or with a very long text. */
  huge(random: Random): unknown {
    const config = structuredClone(random.pick(this.#configs));
    const places = placesIn(config, configShape);
    if (places.length === 0) return config;
    const { parent, key } = random.pick(places);
    const value = parent[key];
    const count = random.pick([1000, 5000, 20_000]);
    if (Array.isArray(value)) parent[key] = Array.from({ length: count }, () => random.pick(value) ?? '');
    else if (typeof value === 'string') parent[key] = value.repeat(count);
    else if (typeof value === 'object' && value !== null) {
      const values = Object.values(value);
      parent[key] = Object.fromEntries(
        Array.from({ length: count }, (_, i) => [`a${i}`, random.pick(values) ?? '']),
      );
    }
    return config;
  }

  #edit(random: Random, config: unknown): void {
    const place = anyPlace(random, config);
    if (place === undefined) return;
    const { parent, key, shape, path } = place;
    switch (random.below(12)) {
      case 0:
        if (Array.isArray(parent)) parent.splice(Number(key), 1);
        else delete parent[key];
        return;
      case 1:
        if (Array.isArray(parent)) parent.splice(Number(key), 0, structuredClone(parent[key]));
        else parent[random.once(2) ? key.toUpperCase() : `${key}x`] = structuredClone(parent[key]);
        return;
      case 2:
        parent[key] = anyJson(random);
        return;
      case 3:
      case 4: {
        // A property that the object lacks.
        const missing =
          shape?.kind === 'object' && typeof parent[key] === 'object' && parent[key] !== null
            ? Object.keys(shape.properties).filter(name => !Object.hasOwn(parent[key] as Container, name))
            : [];
        if (missing.length === 0 || shape?.kind !== 'object') break;
        const name = random.pick(missing);
        (parent[key] as Container)[name] = this.#valueOf(
          random,
          shape.properties[name] as Shape,
          `${path}/${name}`,
        );
        return;
      }
      case 5:
        if (!Array.isArray(parent[key]) || shape?.kind !== 'list') break;
        parent[key].splice(
          random.below(parent[key].length + 1),
          0,
          this.#valueOf(random, shape.of, `${path}/*`),
        );
        return;
      case 6:
        if (typeof parent[key] !== 'string') break;
        parent[key] = mutateText(random, parent[key], this.#texts);
        return;
    }
    parent[key] = shape === undefined ? anyJson(random) : this.#valueOf(random, shape, path);
  }

  #valueOf(random: Random, shape: Shape, path: string, depth = 0): unknown {
    const known = this.#words.get(path);
    if (known !== undefined && !random.once(3)) return structuredClone(random.pick(known));
    switch (shape.kind) {
      case 'boolean':
        return random.once(2);
      case 'integer':
        return anyInteger(random, BigInt(shape.min), BigInt(shape.max));
      case 'string':
        if (shape.values !== undefined && !random.once(8)) return random.pick(shape.values);
        return random.once(3) ? anyText(random) : random.pick(this.#texts);
      case 'list':
        return Array.from({ length: random.below(4) }, () =>
          this.#valueOf(random, shape.of, `${path}/*`, depth + 1),
        );
      case 'map':
        return Object.fromEntries(
          Array.from({ length: random.below(3) }, () => [
            random.pick(this.#texts),
            this.#valueOf(random, shape.of, `${path}/*`, depth + 1),
          ]),
        );
      case 'object':
        return Object.fromEntries(
          Object.entries(shape.properties)
            .filter(([name]) => shape.required?.includes(name) === true || random.once(2 + depth))
            .map(([name, inner]) => [name, this.#valueOf(random, inner, `${path}/${name}`, depth + 1)]),
        );
    }
  }
}

function anyInteger(random: Random, min: bigint, max: bigint): number | bigint {
  const value = random.pick([
    ...[min, max, min - 1n, max + 1n, 0n, 1n, -1n, 2n, 1000n, 4096n, 65535n, 1n << 31n, 1n << 53n],
    BigInt(random.below(100_000)),
  ]);
  return value >= -(1n << 53n) && value <= 1n << 53n ? Number(value) : value;
}

function placesIn(value: unknown, shape: Shape | undefined, path = ''): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  const parent = value as Container;
  return Object.keys(parent).flatMap(key => {
    const inner = shape === undefined ? undefined : shapeOf(shape, key);
    const own = `${path}/${shape?.kind === 'object' ? key : '*'}`;
    return [{ parent, key, shape: inner, path: own }, ...placesIn(parent[key], inner, own)];
  });
}

/** A random walk from the top: the places of a config are not listed, because that takes longer than its check. */
function anyPlace(random: Random, config: unknown): Place | undefined {
  let place: Place | undefined;
  let value = config;
  let shape: Shape | undefined = configShape;
  let path = '';
  while (typeof value === 'object' && value !== null && (place === undefined || !random.once(4))) {
    const parent = value as Container;
    const keys = Object.keys(parent);
    if (keys.length === 0) break;
    const key = random.pick(keys);
    path = `${path}/${shape?.kind === 'object' ? key : '*'}`;
    shape = shape === undefined ? undefined : shapeOf(shape, key);
    place = { parent, key, shape, path };
    value = parent[key];
  }
  return place;
}

function shapeOf(shape: Shape, key: string): Shape | undefined {
  if (shape.kind === 'list' || shape.kind === 'map') return shape.of;
  return shape.kind === 'object' && Object.hasOwn(shape.properties, key) ? shape.properties[key] : undefined;
}

/** JSON with exact integers of any size. */
export function exactText(value: unknown): string {
  const numbers: string[] = [];
  const text = JSON.stringify(value, (_, member) => {
    if (typeof member !== 'bigint') return member;
    numbers.push(member.toString());
    return `\u0001exact ${numbers.length - 1}\u0001`;
  });
  return (text ?? 'null').replace(
    /"\\u0001exact (\d+)\\u0001"/g,
    (_, index) => numbers[Number(index)] ?? '0',
  );
}
