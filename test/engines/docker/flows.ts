// SPDX-License-Identifier: Apache-2.0
import type { Engine } from '../flow.ts';
import { checkpoints } from './checkpoints.ts';
import { composed } from './compose.ts';
import { daily } from './daily.ts';
import { Docker } from './engine.ts';
import { first } from './first.ts';
import { images } from './images.ts';
import { networks } from './networks.ts';
import { settings } from './settings.ts';
import { swarm } from './swarm.ts';
import { upkeep } from './upkeep.ts';

export const docker: Engine<Docker> = {
  name: 'docker',
  start: Docker.start,
  flows: [
    ...first,
    ...daily,
    ...settings,
    ...networks,
    ...images,
    ...composed,
    ...upkeep,
    ...checkpoints,
    ...swarm,
  ],
};
