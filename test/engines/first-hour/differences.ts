// SPDX-License-Identifier: Apache-2.0
// Where tsubo's lines are not Docker's, and why. Everything else must be equal.

export interface Difference {
  /** The step, as it is in the transcript. */
  readonly line: string;
  /** Lines of Docker alone, without ids and times. */
  readonly docker?: readonly (string | RegExp)[];
  /** Lines of tsubo alone. */
  readonly tsubo?: readonly (string | RegExp)[];
  readonly reason: string;
}

const ownErrors = 'tsubo has no daemon to name, and its errors have a place and a hint';
const brackets = 'Docker writes IPv6 addresses in brackets from version 25 on';
const ownStatus = "125 is the status of tsubo's own failures, so that 1 is that of a program";

/** An error of both. */
const error = (line: string, docker: RegExp, tsubo: RegExp): Difference => ({
  line,
  docker: [docker],
  tsubo: [tsubo],
  reason: ownErrors,
});

const listed = (line: string, lines: readonly (readonly [name: string, port: number])[]): Difference => ({
  line,
  docker: lines.map(
    ([name, port]) => new RegExp(`0\\.0\\.0\\.0:${port}->80/tcp, :::${port}->80/tcp  ${name}$`),
  ),
  tsubo: lines.map(
    ([name, port]) => new RegExp(`0\\.0\\.0\\.0:${port}->80/tcp, \\[::\\]:${port}->80/tcp  ${name}$`),
  ),
  reason: brackets,
});

export const differences: readonly Difference[] = [
  {
    line: 'tsubo container run hello-world',
    tsubo: [/^stderr: time="TIME" level=warning msg="network default makes this host forward packets/],
    reason: 'tsubo reports once that it changes a setting of the machine',
  },
  {
    line: 'tsubo image ls',
    docker: [
      /^hello-world {2}latest {2}\w{12} {2}\d years ago {2}1\.\d+MB$/,
      /^alpine {2}latest {2}\w{12} {2}\d years ago {2}1\.\d+MB$/,
    ],
    tsubo: [
      /^hello-world {2}latest {2}\w{12} {2}\d years ago {2}1\.\d+MB$/,
      /^alpine {2}latest {2}\w{12} {2}\d years ago {2}1\.\d+MB$/,
    ],
    reason: 'SIZE is that of the blobs: unpacked layers are counted by system df',
  },
  {
    line: 'tsubo container run alpine ls -la',
    docker: [/^-rwxr-xr-x {2}1 root {2}root {2}0 DATE \.dockerenv$/],
    reason: 'only Docker marks its containers with this file',
  },
  error(
    'tsubo container run alpine nosuch',
    /^stderr: docker: Error response from daemon: .* exec: "nosuch": executable file not found in \$PATH: unknown\.$/,
    /^stderr: time="TIME" level=error msg=".* exec: \\"nosuch\\": executable file not found in \$PATH .*hint=/,
  ),
  error(
    'tsubo container run alpine /etc/passwd',
    /^stderr: docker: Error response from daemon: .* exec: "\/etc\/passwd": permission denied: unknown\.$/,
    /^stderr: time="TIME" level=error msg=".* exec: \\"\/etc\/passwd\\": permission denied .*hint=/,
  ),
  {
    line: 'tsubo container exec {shell} ps',
    docker: [/^\s*\d+ root {2}ps$/],
    tsubo: [/^\s*\d+ root {2}ps$/],
    reason: 'each runtime starts another number of processes before the program',
  },
  {
    line: 'tsubo container exec {shell} nosuch',
    docker: [
      'OCI runtime exec failed: exec failed: unable to start container process: exec: "nosuch": executable file not found in $PATH: unknown',
      'stderr: ',
      'status 126',
    ],
    tsubo: [
      '',
      /^stderr: time="TIME" level=error msg=".* exec: \\"nosuch\\": executable file not found in \$PATH"/,
      'status 127',
    ],
    reason: 'Docker returns 127 from version 25 on, and errors belong to standard error',
  },
  {
    line: 'tsubo container exec {shell} true',
    docker: [/^stderr: Error response from daemon: Container ID is not running$/, 'status 1'],
    tsubo: [/^stderr: time="TIME" level=error msg=".*container ID is not running"/, 'status 125'],
    reason: `${ownErrors}; ${ownStatus}`,
  },
  error(
    'tsubo container run -d -p 8800:80 --name third httpd',
    /^stderr: docker: Error response from daemon: .* Bind for 0\.0\.0\.0:8800 failed: port is already allocated\.$/,
    /^stderr: time="TIME" level=error msg="port 8800\/tcp of 0\.0\.0\.0 is in use by container ID/,
  ),
  {
    line: 'tsubo container run -d -p 8800:80 --name third httpd',
    docker: ['ID'],
    tsubo: [''],
    reason: 'Docker prints the id before the start; tsubo prints that of a container that runs',
  },
  error(
    'tsubo container run -d --name web httpd',
    /^stderr: docker: Error response from daemon: Conflict\. The container name "\/web" is already in use by container "ID"\./,
    /^stderr: time="TIME" level=error msg="the container name \\"\/web\\" is already in use by container \\"ID\\""/,
  ),
  {
    line: 'tsubo container run -d --name web httpd',
    docker: ["stderr: See 'docker run --help'."],
    reason: 'the hint has the command that helps',
  },
  listed('tsubo container ls', [
    ['other', 8801],
    ['web', 8800],
  ]),
  {
    line: 'tsubo container port web',
    docker: ['80/tcp -> :::8800'],
    tsubo: ['80/tcp -> [::]:8800'],
    reason: brackets,
  },
  error(
    'tsubo container rm web',
    /^stderr: Error response from daemon: You cannot remove a running container ID\./,
    /^stderr: time="TIME" level=error msg="cannot remove container \\"\/web\\": container is running: stop the container before/,
  ),
  listed('tsubo container ls -a', [['other', 8801]]),
  error(
    'tsubo container rm nosuch',
    /^stderr: Error: No such container: nosuch$/,
    /^stderr: time="TIME" level=error msg="No such container: nosuch"/,
  ),
  error(
    'tsubo image rm hello-world',
    /^stderr: Error response from daemon: conflict: .* container ID is using its referenced image \w{12}$/,
    /^stderr: time="TIME" level=error msg="unable to remove hello-world: container ID uses image \w{12}"/,
  ),
  {
    line: 'tsubo image rm hello-world alpine httpd',
    docker: ['hello-world', 'alpine', 'httpd'].map(
      name => new RegExp(`^Untagged: ${name}@sha256:[0-9a-f]{64}$`),
    ),
    reason: 'tsubo removes the digest with the name, and does not list it',
  },
];
