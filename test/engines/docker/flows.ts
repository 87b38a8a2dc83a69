// SPDX-License-Identifier: Apache-2.0
import type { Engine } from '../flow.ts';
import { Docker } from './engine.ts';
import { first } from './first.ts';

export const docker: Engine<Docker> = {
  name: 'docker',
  start: Docker.start,
  flows: [...first],
};
