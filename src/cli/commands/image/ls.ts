// SPDX-License-Identifier: Apache-2.0
import { imageStore } from '../../../image/blobs.ts';
import { hexOf } from '../../../image/digest.ts';
import type { ListedImage } from '../../../image/documents.ts';
import { shortName, shortReference, tryReference } from '../../../image/reference.ts';
import { readImages, type StoredImage } from '../../../image/store.ts';
import type { CommandModule } from '../../command.ts';
import { ago, decimalSize, tableText } from '../../listing.ts';
import { formatOf } from '../../options.ts';

export const ls: CommandModule = {
  name: 'image ls',
  summary: 'list the images of this machine',
  example: ['tsubo image ls', 'tsubo image ls --format json', 'tsubo image rm $(tsubo image ls -q)'],
  failurePrefix: 'image ls failed: ',
  define(command) {
    command
      .argument('[reference]', 'list only images with this name or this repository')
      .option('-f, --format <format>', 'format of the output: table or json (default: table)')
      .option('-q, --quiet', 'print only the ids')
      .option('--digests', 'print the digests of the registries too')
      .option('--no-trunc', 'print whole ids');
  },
  run({ runtime, print, report }, [filter], options) {
    const format = formatOf(options, ['table', 'json']);
    const { images, damaged } = readImages(imageStore(runtime.binding));
    for (const problem of damaged) report(problem);
    const rows = images.flatMap(rowsOf).filter(row => filter === undefined || matches(row, filter));
    rows.sort((left, right) => (left.image.created < right.image.created ? 1 : -1));
    const idOf = ({ id }: StoredImage) => (options['trunc'] === false ? id : hexOf(id).slice(0, 12));
    if (options['quiet'] === true) {
      print([...new Set(rows.map(({ image }) => idOf(image)))].map(id => `${id}\n`).join(''));
    } else if (format === 'json') {
      print(`${JSON.stringify(rows.map(documentOf), null, 2)}\n`);
    } else {
      const now = runtime.binding.now();
      const withDigests = options['digests'] === true;
      print(
        tableText([
          ['REPOSITORY', 'TAG', ...(withDigests ? ['DIGEST'] : []), 'IMAGE ID', 'CREATED', 'SIZE'],
          ...rows.map(({ image, repository, tag, digest }) => [
            ...[repository, tag, ...(withDigests ? [digest] : [])],
            ...[idOf(image), ago(image.created, now), decimalSize(image.size)],
          ]),
        ]),
      );
    }
    return 0;
  },
};

interface Row {
  readonly image: StoredImage;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
  /** Complete name; undefined for an image without one. */
  readonly reference?: string;
}

/** One row for each name, as Docker prints them. */
function rowsOf(image: StoredImage): Row[] {
  if (image.references.length === 0) {
    return [{ image, repository: '<none>', tag: '<none>', digest: image.sources[0] ?? image.digest }];
  }
  return image.references.map((name, index) => {
    const digest = image.digests[index] as string;
    const reference = tryReference(name);
    const repository = reference === undefined ? name : shortName(reference);
    return { image, repository, tag: reference?.tag ?? '<none>', digest, reference: name };
  });
}

function matches({ reference, repository }: Row, filter: string): boolean {
  return (
    reference !== undefined && (repository === filter || shortReference(reference) === shortReference(filter))
  );
}

function documentOf({ image, repository, tag, digest, reference }: Row): ListedImage {
  const { id, created, size, platform } = image;
  return {
    id,
    repository,
    tag,
    ...(reference !== undefined && { reference }),
    digest,
    created,
    size,
    platform,
  };
}
