// SPDX-License-Identifier: Apache-2.0
// The commands of a first hour. Under Docker Engine `docker` replaces `tsubo`.

export interface Step {
  /** For a shell. {shell} is the id of the container with the interactive shell. */
  readonly line: string;
  /** The command runs on a terminal: the lines that are typed at the prompts of its shell. */
  readonly typed?: readonly string[];
  /** The newest container after this step gets this name in the lines below. */
  readonly keep?: string;
  /** The web server in this container is awaited before the command runs. */
  readonly server?: string;
}

export const transcript: readonly Step[] = [
  { line: 'tsubo container run hello-world' },
  { line: 'tsubo image pull alpine' },
  { line: 'tsubo image pull alpine' },
  { line: 'tsubo image ls' },
  { line: 'tsubo container run alpine ls -la' },
  { line: 'tsubo container run alpine echo "hello from alpine"' },
  { line: 'tsubo container run alpine /bin/sh' },
  {
    line: 'tsubo container run -it alpine /bin/sh',
    typed: ['echo "hello world" >hello.txt', 'ls', 'tty', 'exit 4'],
    keep: 'shell',
  },
  { line: 'tsubo container ls' },
  { line: 'tsubo container run alpine sh -c "exit 3"' },
  { line: 'tsubo container run alpine nosuch' },
  { line: 'tsubo container run alpine /etc/passwd' },
  { line: 'tsubo container ls -a' },
  { line: 'tsubo container start {shell}' },
  { line: 'tsubo container ls' },
  { line: 'tsubo container exec {shell} cat hello.txt' },
  { line: 'tsubo container exec {shell} ps' },
  { line: 'tsubo container exec {shell} nosuch' },
  { line: 'tsubo container stop -t 1 {shell}' },
  { line: 'tsubo container exec {shell} true' },
  { line: 'tsubo container run -d -p 8800:80 --name web httpd' },
  { line: 'curl -s http://127.0.0.1:8800/', server: 'web' },
  { line: 'tsubo container run -d -p 8801:80 --name other httpd' },
  { line: 'curl -s http://127.0.0.1:8801/', server: 'other' },
  { line: 'tsubo container run -d -p 8800:80 --name third httpd' },
  { line: 'tsubo container run -d --name web httpd' },
  { line: 'tsubo container ls' },
  { line: 'tsubo container port web' },
  { line: 'tsubo container logs web' },
  { line: 'tsubo container rm web' },
  { line: 'tsubo container stop web' },
  { line: 'curl -s http://127.0.0.1:8800/' },
  { line: 'tsubo container ls -a' },
  { line: 'tsubo container start web' },
  { line: 'curl -s http://127.0.0.1:8800/', server: 'web' },
  { line: 'tsubo container rm -f web other third' },
  { line: 'tsubo container rm nosuch' },
  { line: 'tsubo image rm hello-world' },
  { line: 'tsubo container rm $(tsubo container ls -aq)' },
  { line: 'tsubo container ls -a' },
  { line: 'tsubo image rm hello-world alpine httpd' },
  { line: 'tsubo image ls' },
];
