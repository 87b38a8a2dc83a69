// SPDX-License-Identifier: Apache-2.0
// node src/node/examples/eval-service.mjs ROOTFS [PORT] [--no-limits]: an HTTP service that runs untrusted shell
// scripts, each in a container without network, capabilities and writable files. The limits need the controllers
// memory, pids and cpu of cgroup v2.
//   curl --data 'echo $((6 * 7))' http://127.0.0.1:8900/
import { createServer } from 'node:http';
import { defineConfig, isRuntimeError, run } from 'tsubo';

const [rootfs = 'rootfs', port = '8900', option] = process.argv.slice(2);
const limits = option === '--no-limits' ? {} : { memory: 64 << 20, pids: 32, cpus: 0.5 };
const ends = { timeout: 2000, maxBuffer: 64 << 10 };
const largestScript = 16 << 10;

const config = defineConfig({ args: ['sh', '-s'], rootfs, user: { uid: 65534, gid: 65534 }, ...limits });

/**
 * @param {string} script
 * @param {AbortSignal} signal
 */
async function evaluate(script, signal) {
  try {
    const { status, stdout, stderr, timedOut } = await run({ config, input: script, signal, ...ends });
    return { status: timedOut ? 'too slow' : status, stdout, stderr };
  } catch (error) {
    if (isRuntimeError(error) && error.code === 'usage.output-limit') return { status: 'too much output' };
    throw error;
  }
}

const server = createServer(async (request, response) => {
  // Abort the run if the client disconnects.
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  try {
    let script = '';
    for await (const data of request) {
      script += data;
      if (script.length <= largestScript) continue;
      response.writeHead(413).end('the script is too long\n');
      return;
    }
    response.end(`${JSON.stringify(await evaluate(script, gone.signal))}\n`);
  } catch (error) {
    if (!gone.signal.aborted) response.writeHead(500).end(`${error}\n`);
  }
});
server.listen(Number(port), '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`listening on port ${typeof address === 'object' ? address?.port : address}\n`);
});
process.once('SIGTERM', () => server.close());
