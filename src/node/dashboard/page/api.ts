// SPDX-License-Identifier: Apache-2.0
import type { ActionWord, ShownError } from '../messages.ts';

const storageName = 'tsubo-key';

/** The key of the page. The answer to the token contains it; later loads read it from the storage of this origin. */
const key = takeKey();

function takeKey(): string {
  const given = document.querySelector<HTMLMetaElement>('meta[name=tsubo-key]')?.content ?? '';
  if (given === '') return localStorage.getItem(storageName) ?? '';
  localStorage.setItem(storageName, given);
  // The token is valid once: remove it from the address, or a reload would fail.
  history.replaceState(null, '', '/');
  return given;
}

/** Performs an action; returns its failure. */
export async function act(action: ActionWord, id: string): Promise<ShownError | undefined> {
  try {
    const answer = await fetch(`/api/containers/${id}/${action}`, {
      method: 'POST',
      headers: { 'X-Tsubo-Key': key },
    });
    if (answer.headers.get('Content-Type') !== 'application/json') {
      return unreachable(`${action}: ${await answer.text()}`);
    }
    return ((await answer.json()) as { readonly error?: ShownError }).error;
  } catch {
    return unreachable('the dashboard cannot be reached');
  }
}

function unreachable(message: string): ShownError {
  const details = [
    { label: 'hint', text: 'start tsubo dashboard again, and open the address that it prints' },
  ];
  return { code: 'dashboard.request', message, details };
}

export function openSocket(path: string): WebSocket {
  const socket = new WebSocket(`ws://${location.host}/api/${path}`, ['tsubo', `key.${key}`]);
  socket.binaryType = 'arraybuffer';
  return socket;
}
