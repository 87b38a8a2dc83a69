// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';

/** Letters, digits and `_ + . -`. The id becomes the name of a directory: `.` and `..` are refused. */
const grammar = /^[A-Za-z0-9_+.-]+$/;

/** @throws RuntimeError `state.bad-id` */
export function checkId(id: string): void {
  if (id === '') throw badId('container id cannot be empty');
  if (!grammar.test(id) || id === '.' || id === '..') {
    throw badId('invalid container ID format', id);
  }
}

function badId(message: string, id?: string): RuntimeError {
  return new RuntimeError({
    code: 'state.bad-id',
    message: id === undefined ? message : `${message}: ${JSON.stringify(id)}`,
    value: id,
    hint: 'use letters, digits and _ + . - only',
  });
}
