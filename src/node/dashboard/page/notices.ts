// SPDX-License-Identifier: Apache-2.0
import type { ShownError } from '../messages.ts';
import { element } from './dom.ts';

/** Failures of actions: they stay until they are closed. */
export const notices = element('div', { class: 'notices', role: 'region', 'aria-label': 'Failures' });
const most = 4;

/** @param attempt - `stop web` */
export function showFailure(attempt: string, error: ShownError): void {
  const close = (): void => notice.remove();
  const notice = element(
    'section',
    { class: 'notice', role: 'alert' },
    element(
      'header',
      {},
      element('strong', {}, attempt),
      element('code', {}, error.code),
      element('button', { type: 'button', class: 'quiet', 'aria-label': 'Close', onclick: close }, '✕'),
    ),
    errorText(error),
  );
  notices.prepend(notice);
  while (notices.children.length > most) notices.lastElementChild?.remove();
}

/** Closes the newest one; returns false if there is none. */
export function closeNotice(): boolean {
  const newest = notices.firstElementChild;
  newest?.remove();
  return newest !== null;
}

/** Returns the message, and the lines that a terminal gets below it. */
export function errorText({ message, details }: ShownError): HTMLElement {
  return element(
    'div',
    { class: 'error-text' },
    element('p', {}, message),
    element(
      'dl',
      {},
      ...details.flatMap(({ label, text }) => [element('dt', {}, label), element('dd', {}, text)]),
    ),
  );
}
