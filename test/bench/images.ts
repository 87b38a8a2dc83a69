// SPDX-License-Identifier: Apache-2.0
// The cases of images: pull, container-run, build, container-memory. They run in the machine of test/engines, beside Docker and Podman.
import { waitFor } from '../engines/flow.ts';
import { Machine } from '../engines/machine.ts';
import { installPackage } from '../engines/package.ts';
import { defaults } from '../engines/podman/engine.ts';
import { makeRootfs, rootfsTar } from '../engines/rootfs.ts';
import type { ImageCase } from './cases.ts';
import { median, ratio, rotated } from './statistics.ts';
import { figure, markdown } from './table.ts';

export interface ImagePrograms {
  readonly top: string;
  /** Directory for the machine. */
  readonly into: string;
  readonly standalone: string;
  /** The tree of test/engines. */
  readonly tree: string;
}

/** Commands of bash. The first one is the measured one; `before` is not measured. */
interface Subject {
  readonly name: string;
  readonly before: string;
  readonly command: string;
}

interface Sample {
  readonly wall: number;
  readonly cpu: number;
}

const registry = '127.0.0.1:5000';
const containers = 100;

/** Directories of the machine that become layers, like those of a program with its runtime. */
const layerFiles = ['usr/lib/x86_64-linux-gnu usr/share', 'usr/sbin', 'bin etc'];

/** Prints the wall time and the processor time of all processes of the machine, also of daemons, in microseconds. */
const stopwatch = `
usage() { while read -r key value; do [ "$key" = usage_usec ] && cpu=$value; done </sys/fs/cgroup/cpu.stat; }
usage; before=$cpu; start=\${EPOCHREALTIME/./}
eval "$1" >/dev/null || exit
end=\${EPOCHREALTIME/./}; usage
echo $((end - start)) $((cpu - before))`;

export async function imageBench(
  cases: readonly ImageCase[],
  rounds: number,
  programs: ImagePrograms,
  say: (text: string) => void,
): Promise<string> {
  const machine = await Machine.start(programs.into, programs.tree);
  try {
    say('starting Docker and a registry, packing an image');
    await prepare(machine, programs);
    const parts: string[] = [];
    if (cases.includes('pull')) parts.push(pulls(machine, rounds, say));
    if (cases.includes('container-run')) parts.push(runs(machine, rounds, say));
    if (cases.includes('build')) parts.push(builds(machine, rounds, say));
    if (cases.includes('container-memory')) parts.push(memory(machine, say));
    return `${parts.join('\n\n')}\n`;
  } finally {
    await machine.stop();
  }
}

function bash(machine: Machine, script: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = machine.run(['bash', '-c', script, 'bash', ...args], {
    timeoutMs: 600_000,
    env: { PATH: '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', TSUBO_DATA: '/tmp/data' },
  });
  if (status !== 0) throw new Error(`${args[0] ?? script}: status ${status}: ${stderr}`);
  return stdout;
}

async function prepare(machine: Machine, { top, standalone }: ImagePrograms): Promise<void> {
  installPackage(machine, top, standalone);
  const storage = { filesystem: { rootdirectory: '/var/lib/registry' } };
  const config = { version: 0.1, log: { level: 'error' }, storage, http: { addr: registry } };
  machine.write('/etc/registry.yml', JSON.stringify(config));
  machine.write(
    '/etc/containers/registries.conf',
    `[[registry]]\nlocation = "${registry}"\ninsecure = true\n`,
  );
  machine.write('/usr/share/containers/containers.conf', defaults('runc', machine.controllers()));
  machine.write('/etc/containers/policy.json', '{"default": [{"type": "insecureAcceptAnything"}]}');
  // Not into pipes, which nothing reads during a measurement.
  for (const daemon of ['dockerd', 'docker-registry serve /etc/registry.yml'])
    machine.spawn(['sh', '-c', `exec ${daemon} >>/var/log/daemons 2>&1`]);
  for (const ready of ['docker version', `curl -fs http://${registry}/v2/`])
    await waitFor(ready, () => (machine.run(['sh', '-c', ready]).status === 0 ? true : undefined));
  makeRootfs(machine);
  bash(
    machine,
    `set -e
    docker import -c 'CMD ["sh"]' ${rootfsTar} ${registry}/box
    docker push -q ${registry}/box >/dev/null
    mkdir /tmp/context; cd /tmp/context; echo FROM scratch >Dockerfile
    for layer in 0 1 2; do
      shift; tar -C / -cf layer$layer.tar $1; echo "ADD layer$layer.tar /" >>Dockerfile
    done
    docker build -q -t ${registry}/large . && docker push -q ${registry}/large
    docker rmi -f ${registry}/large; docker builder prune -af`,
    'packing',
    ...layerFiles,
  );
}

/** Measures the subjects in turn, each round in another order. */
function inTurn(
  machine: Machine,
  subjects: readonly Subject[],
  rounds: number,
): ReadonlyMap<string, readonly Sample[]> {
  const samples = new Map(subjects.map(({ name }) => [name, [] as Sample[]]));
  for (let round = -1; round < rounds; round++) {
    for (const { name, before, command } of rotated(subjects, round + 1)) {
      if (before !== '') bash(machine, before);
      const [wall = 0, cpu = 0] = bash(machine, stopwatch, command).split(' ').map(Number);
      // The first round warms up.
      if (round >= 0) samples.get(name)?.push({ wall: wall / 1000, cpu: cpu / 1000 });
    }
  }
  return samples;
}

function tableOf(samples: ReadonlyMap<string, readonly Sample[]>, base: string): string {
  const medianOf = (name: string, what: keyof Sample) =>
    median(samples.get(name)?.map(sample => sample[what]) ?? []);
  const rows = [...samples.keys()].map(name => {
    const wall = medianOf(name, 'wall');
    const cpu = medianOf(name, 'cpu');
    const least = Math.min(...(samples.get(name) ?? []).map(sample => sample.wall));
    return [
      name,
      figure(wall, 1),
      figure(least, 1),
      figure(cpu, 1),
      figure(ratio(wall, medianOf(base, 'wall'))),
      figure(ratio(cpu, medianOf(base, 'cpu'))),
    ];
  });
  return markdown(['', 'median ms', 'min', 'cpu', `/ ${base}`, 'cpu /'], rows);
}

function pulls(machine: Machine, rounds: number, say: (text: string) => void): string {
  say('measuring pull');
  const large = `${registry}/large`;
  const copy = `skopeo copy -q --src-tls-verify=false docker://${large} oci:/tmp/layout:large`;
  bash(
    machine,
    `${copy}; cd /tmp/layout/blobs/sha256; mkdir /tmp/plain
    for blob in $(ls -S | head -n 3); do gunzip -c <$blob >/tmp/plain/$blob.tar; done`,
  );
  const samples = inTurn(
    machine,
    [
      {
        name: 'tsubo',
        before: 'rm -rf /tmp/data',
        command: `tsubo image pull -q ${large}`,
      },
      {
        name: 'skopeo + umoci',
        before: 'rm -rf /tmp/layout /tmp/unpacked',
        command: `${copy} && umoci unpack --image /tmp/layout:large /tmp/unpacked`,
      },
      { name: 'docker', before: `docker rmi -f ${large} 2>&1`, command: `docker pull -q ${large}` },
      { name: 'podman', before: `podman rmi -f ${large} 2>&1`, command: `podman pull -q ${large}` },
      {
        name: 'gunzip',
        before: `rm -rf /tmp/layout; ${copy}`,
        command: 'cd /tmp/layout/blobs/sha256; for blob in $(ls -S | head -n 3); do gunzip -c <$blob; done',
      },
      {
        name: 'tar -x',
        before: 'rm -rf /tmp/unpacked; mkdir /tmp/unpacked',
        command: 'for layer in /tmp/plain/*.tar; do tar -C /tmp/unpacked -xf $layer; done',
      },
    ],
    rounds,
  );
  const size = bash(machine, 'du -cm /tmp/layout/blobs/sha256 /tmp/plain').match(/^\d+/gm) ?? [];
  const what = `3 layers, ${size[0]} MiB compressed, ${size[1]} MiB unpacked, all stores in memory`;
  return `### pull: ${what}\n\n${tableOf(samples, 'gunzip')}`;
}

/** The commands that run and remove containers. */
const engines: readonly { readonly name: string; readonly run: string; readonly remove: string }[] = [
  { name: 'tsubo', run: 'tsubo container run', remove: 'tsubo container rm -f' },
  { name: 'docker', run: 'docker run', remove: 'docker rm -f' },
  { name: 'podman', run: 'podman run', remove: 'podman rm -f' },
];

function runs(machine: Machine, rounds: number, say: (text: string) => void): string {
  say('measuring container-run');
  const subjects = engines.flatMap(({ name, run }) =>
    ['', ' --network none'].map(network => ({
      name: `${name}${network}`,
      before: '',
      command: `${run} --rm${network} ${registry}/box true`,
    })),
  );
  return `### container-run: run --rm box true, with the default network and without\n\n${tableOf(inTurn(machine, subjects, rounds), 'docker')}`;
}

/** A change in the third of five steps: two come from the cache, three run. */
function builds(machine: Machine, rounds: number, say: (text: string) => void): string {
  say('measuring build');
  const context = '/tmp/build';
  const steps = [
    `FROM ${registry}/box`,
    ...['one', 'two', 'three'].map(name => `COPY ${name} /${name}`),
    'RUN cat /one /two /three >/all',
    'RUN wc -c /all >/count',
  ];
  machine.write(`${context}/Dockerfile`, `${steps.join('\n')}\n`);
  const change = `cd ${context}; echo one >one; echo two >two; echo $RANDOM $EPOCHREALTIME >three`;
  const subjects = [
    { name: 'tsubo', command: 'tsubo image build -t built .' },
    { name: 'docker', command: 'DOCKER_BUILDKIT=0 docker build -t built .' },
    { name: 'docker BuildKit', command: 'DOCKER_BUILDKIT=1 docker build -t built .' },
    { name: 'buildah', command: 'buildah build --layers --isolation chroot -t built .' },
  ].map(({ name, command }) => ({ name, before: change, command: `cd ${context}; ${command} 2>&1` }));
  return `### build: a change in the third of five steps\n\n${tableOf(inTurn(machine, subjects, rounds), 'docker')}`;
}

/** The proportional set size of all processes of the machine, daemons included, in KiB. */
function memoryOf(machine: Machine): number {
  const files = machine.run(['sh', '-c', 'cat /proc/[0-9]*/smaps_rollup 2>/dev/null']).stdout;
  return [...files.matchAll(/^Pss:\s+(\d+)/gm)].reduce((sum, [, kib]) => sum + Number(kib), 0);
}

function memory(machine: Machine, say: (text: string) => void): string {
  const rows = engines.map(({ name, run, remove }) => {
    say(`measuring container-memory of ${name}`);
    const names = Array.from({ length: containers }, (_, index) => `m${index}`);
    const start = `for name in "$@"; do ${run} -d --name $name ${registry}/box sleep 100000 || exit; done`;
    bash(machine, `${run} --rm ${registry}/box true`);
    const before = memoryOf(machine);
    bash(machine, start, ...names);
    const after = memoryOf(machine);
    bash(machine, `${remove} "$@"`, ...names);
    return [name, figure((after - before) / 1024, 1), figure((after - before) / containers / 1024)];
  });
  return `### container-memory: ${containers} running containers, all processes\n\n${markdown(['', 'MiB', 'each'], rows)}`;
}
