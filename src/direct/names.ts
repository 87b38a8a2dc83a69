// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';

/** Letters, digits, `_ . -`; at least two characters, like Docker's names. */
const grammar = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,127}$/;

export function isName(text: string): boolean {
  return grammar.test(text);
}

/** @throws RuntimeError `direct.bad-name` */
export function checkName(kind: 'container' | 'volume', name: string): void {
  if (isName(name)) return;
  throw new RuntimeError({
    code: 'direct.bad-name',
    message: `invalid ${kind} name ${JSON.stringify(name)}: only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    value: name,
    hint: 'a name has 2 to 128 letters, digits and _ . -, and begins with a letter or a digit',
  });
}

/** Glazes, shapes and moods of a jar. */
const first = (
  'amber ashen azure banded blue bright bronze brown calm carved chalky cobalt coral cracked crimson dappled dark dusky ' +
  'earthen faded fired fluted gilded glazed golden green grey hollow indigo ivory jade leaning light lofty lunar matte ' +
  'mellow misty mossy narrow ochre olive pale painted patient plain polished quiet ribbed rosy round russet rustic ' +
  'sandy scarlet sealed silent silver slender smooth solid sooty speckled spotted spun stacked steady stout sturdy sunny ' +
  'tall tawny thrown tiny umber upright velvet warm waxed white wide woven'
).split(' ');

/** Vessels, and things of a pottery. */
const second = (
  'amphora basin beaker bell bottle bowl brick bucket canister carafe cask cauldron censer chalice churn cistern coil cone ' +
  'crate crock cruet cup decanter dish ewer flagon flask flute goblet gourd griddle hearth jar jug kettle keg kiln ' +
  'kylix ladle lamp lekythos lid mold mug pail pan pestle pitcher planter plate platter pot quern rim saucer shard ' +
  'shelf sieve slab slip spout stein tagine tankard teapot tile tray trivet tub tureen urn vase vat vessel vial wheel'
).split(' ');

/** Returns a name of two words. `random` contains three random bytes or more. */
export function randomName(random: Uint8Array): string {
  const [high = 0, middle = 0, low = 0] = random;
  const number = (high << 16) | (middle << 8) | low;
  const head = first[number % first.length] ?? '';
  const tail = second[Math.floor(number / first.length) % second.length] ?? '';
  return `${head}_${tail}`;
}

/** Formats 32 bytes as 64 hexadecimal digits. */
export function idOf(random: Uint8Array): string {
  return [...random].map(byte => byte.toString(16).padStart(2, '0')).join('');
}

/** Number of digits of a short id. */
const shortLength = 12;

export function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, shortLength);
}
