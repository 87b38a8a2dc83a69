// SPDX-License-Identifier: Apache-2.0
// A program that uses the installed library: program.mjs BUNDLE ID. Prints the result of each step.
import { createContainer, getContainer, isRuntimeError, listContainers } from 'tsubo';

const [bundle = '', id = ''] = process.argv.slice(2);

/**
 * The error code of a call.
 * @param {() => Promise<unknown>} call
 */
async function codeOf(call) {
  try {
    await call();
  } catch (error) {
    return isRuntimeError(error) ? error.code : String(error);
  }
  return 'no error';
}

const container = await createContainer({ id, bundle });
/** @type {Record<string, unknown>} */
const seen = {};
try {
  seen['created'] = (await container.state()).status;
  seen['again'] = await codeOf(() => createContainer({ id, bundle }));
  seen['listed'] = (await listContainers()).some(state => state.id === id);
  await (await getContainer(id)).kill('KILL');
} finally {
  await container.delete({ force: true });
}
seen['deleted'] = await codeOf(() => container.state());
process.stdout.write(JSON.stringify(seen));
