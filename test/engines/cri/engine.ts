// SPDX-License-Identifier: Apache-2.0
import { strict as assert } from 'node:assert';
import { image, pauseImage, startContainerd } from '../containerd/daemon.ts';
import { type Running, type Runtime, waitFor } from '../flow.ts';
import type { Machine } from '../machine.ts';
import { recipe } from '../recipe.ts';
import { CriClient } from './client.ts';
import type { Fields, Message } from './protobuf.ts';

const logDirectory = '/var/log/pods';

/** A network between the pods, of which Debian has the programs. */
const network = {
  cniVersion: '0.4.0',
  name: 'pods',
  plugins: [
    {
      type: 'bridge',
      bridge: 'pods0',
      isGateway: true,
      ipam: { type: 'host-local', ranges: [[{ subnet: '10.88.0.0/16' }]] },
    },
  ],
};

/**
 * The sandbox of every pod has CPU shares and a low score for the out-of-memory killer, which no runtime can give on a
 * nested machine that lacks the controller and the capability.
 */
const ownConfig = (controllers: readonly string[]) => `
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${pauseImage}"
restrict_oom_score_adj = true
disable_cgroup = ${!controllers.includes('cpu')}

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
`;

/** Whether the processes of a pod's containers see each other. */
export type PidNamespace = 'pod' | 'container';

/** Calls containerd on its socket as the kubelet does. */
export class Cri implements Running {
  readonly machine: Machine;
  readonly client: CriClient;
  /** The handler of the runtime class. */
  readonly handler: string;
  private readonly pods = new Map<string, { readonly config: Fields; readonly namespaces: Fields }>();

  private constructor(machine: Machine, handler: string, client: CriClient) {
    this.machine = machine;
    this.handler = handler;
    this.client = client;
  }

  static async start(machine: Machine, runtime: Runtime): Promise<Cri> {
    const own = runtime === 'tsubo';
    machine.write('/etc/cni/net.d/pods.conflist', JSON.stringify(network));
    const config = own ? recipe('Kubernetes', 'toml') : 'version = 2\n';
    // A parent table must be before its children.
    machine.write(
      '/etc/containerd/config.toml',
      config.replace('\n', `\n${ownConfig(machine.controllers())}`),
    );
    const handler = own ? /^handler: (\S+)$/m.exec(recipe('Kubernetes', 'yaml'))?.[1] : 'runc';
    assert.ok(handler !== undefined, 'the runtime class of the README has no handler');
    await startContainerd(machine, 'k8s.io');
    const client = new CriClient(machine.path('/run/containerd/containerd.sock'));
    const cri = new Cri(machine, handler, client);
    await cri.ready();
    return cri;
  }

  /** Waits until the network of the pods is ready and the image is listed. */
  private async ready(): Promise<void> {
    for (let left = 600; ; left--) {
      const status = await this.client.call('Status', []);
      const conditions = status.message(1).messages(1);
      const listed = await this.client.call('ImageService/ListImages', []);
      if (conditions.every(condition => condition.number(2) === 1) && listed.messages(1).length > 1) return;
      if (left === 0) throw new Error(`not ready: ${conditions.map(entry => entry.text(4))}`);
      await new Promise(resolve => setTimeout(resolve, 100));
    }
  }

  /** Starts the sandbox of a pod, and returns its id. */
  async pod(name: string, pids: PidNamespace = 'container'): Promise<string> {
    const namespaces: Fields = [[2, pids === 'pod' ? 0 : 1]];
    const config: Fields = [
      [
        1,
        [
          [1, name],
          [2, `uid-${name}`],
          [3, 'default'],
        ],
      ],
      [2, name],
      [3, `${logDirectory}/${name}`],
      [8, [[2, [[1, namespaces]]]]],
    ];
    this.machine.run(['mkdir', '-p', `${logDirectory}/${name}`]);
    const made = await this.client.call('RunPodSandbox', [
      [1, config],
      [2, this.handler],
    ]);
    const id = made.text(1);
    this.pods.set(id, { config, namespaces });
    return id;
  }

  /**
   * Creates and starts a container in a pod, and returns its id.
   * @param context fields of LinuxContainerSecurityContext
   * @param resources fields of LinuxContainerResources
   */
  async container(
    pod: string,
    name: string,
    command: readonly string[],
    { context = [], resources }: { readonly context?: Fields; readonly resources?: Fields } = {},
  ): Promise<string> {
    const { config: sandbox, namespaces } = this.pods.get(pod) ?? { config: [], namespaces: [] };
    const config: Fields = [
      [1, [[1, name]]],
      [2, [[1, image]]],
      [3, command],
      [
        6,
        [
          [1, 'A'],
          [2, 'b'],
        ],
      ],
      [11, `${name}.log`],
      [
        15,
        [
          [1, resources],
          [2, [...context, [3, namespaces]]],
        ],
      ],
    ];
    const made = await this.client.call('CreateContainer', [
      [1, pod],
      [2, config],
      [3, sandbox],
    ]);
    await this.client.call('StartContainer', [[1, made.text(1)]]);
    return made.text(1);
  }

  /** Runs a program in a container, as a probe of the kubelet does. */
  async exec(
    id: string,
    ...command: readonly string[]
  ): Promise<{ status: number; stdout: string; stderr: string }> {
    const ran = await this.client.call('ExecSync', [
      [1, id],
      [2, command],
      [3, 60],
    ]);
    return { status: ran.number(3), stdout: ran.text(1), stderr: ran.text(2) };
  }

  /** The lines of a container's log without their times. */
  log(pod: string, name: string): string[] {
    const lines = this.machine.read(`${logDirectory}/${pod}/${name}.log`).split('\n').filter(Boolean);
    return lines.map(line => line.replace(/^\d{4}-\d\d-\d\dT\S+ /, ''));
  }

  async status(id: string): Promise<Message> {
    return (await this.client.call('ContainerStatus', [[1, id]])).message(1);
  }

  /** Waits for the end of a container, and returns its exit code. */
  async ended(id: string): Promise<number> {
    for (;;) {
      const status = await this.status(id);
      if (status.number(3) === 2) return status.number(7);
      await new Promise(resolve => setTimeout(resolve, 50));
    }
  }

  async reset(): Promise<void> {
    const pods = (await this.client.call('ListPodSandbox', [])).messages(1).map(pod => pod.text(1));
    for (const pod of pods) {
      await this.client.call('StopPodSandbox', [[1, pod]]);
      await this.client.call('RemovePodSandbox', [[1, pod]]);
    }
    assert.equal((await this.client.call('ListContainers', [])).messages(1).length, 0);
    await waitFor('the end of the shims', () =>
      this.machine.run(['pgrep', '-f', 'containerd-shim']).status === 1 ? true : undefined,
    );
  }
}
