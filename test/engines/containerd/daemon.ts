// SPDX-License-Identifier: Apache-2.0
import { strict as assert } from 'node:assert';
import { waitFor } from '../flow.ts';
import type { Machine } from '../machine.ts';
import { makeRootfs, rootfsTar } from '../rootfs.ts';

const logFile = '/var/log/containerd.log';

export const image = 'docker.io/library/box:latest';
/** The same files with a program that waits for SIGTERM, for the sandboxes of pods. */
export const pauseImage = 'docker.io/library/pause:latest';

/**
 * Makes an image archive of the root file system, in the form of `docker save`, and imports it.
 * Arguments: architecture, namespace, name, command as JSON.
 */
const importImage = `
  set -e
  mkdir -p /tmp/image
  cp ${rootfsTar} /tmp/image/layer.tar
  sum=$(sha256sum /tmp/image/layer.tar | cut -d ' ' -f 1)
  cat >/tmp/image/config.json <<END
{"architecture":"$1","os":"linux","config":{"Cmd":$4,"Env":["PATH=/bin"]},
"rootfs":{"type":"layers","diff_ids":["sha256:$sum"]}}
END
  cat >/tmp/image/manifest.json <<END
[{"Config":"config.json","RepoTags":["$3"],"Layers":["layer.tar"]}]
END
  tar -C /tmp/image -cf /tmp/image.tar .
  ctr --namespace "$2" image import /tmp/image.tar`;

const images = [
  [image, ['sh']],
  [pauseImage, ['sh', '-c', 'trap "exit 0" TERM; sleep 1000000 & wait']],
] as const;

/**
 * Starts containerd with the images.
 * @param namespace of the images: the kubelet's is `k8s.io`
 */
export async function startContainerd(machine: Machine, namespace: string): Promise<void> {
  machine.spawn(['sh', '-c', `exec containerd >>${logFile} 2>&1`]);
  await waitFor('containerd', () => (machine.run(['ctr', 'version']).status === 0 ? true : undefined));
  makeRootfs(machine);
  const architecture = process.arch === 'x64' ? 'amd64' : 'arm64';
  for (const [name, command] of images) {
    const words = [architecture, namespace, name, JSON.stringify(command)];
    const { status, stderr } = machine.run(['sh', '-c', importImage, 'sh', ...words]);
    assert.equal(status, 0, stderr);
  }
}
