// SPDX-License-Identifier: Apache-2.0
import type { CommandGroup, CommandModule } from '../command.ts';
import { check } from './check.ts';
import { checkpoint } from './checkpoint.ts';
import { completionOf } from './completion.ts';
import { container } from './container/index.ts';
import { create } from './create.ts';
import { dashboard } from './dashboard.ts';
import { deleteCommand } from './delete.ts';
import { events } from './events.ts';
import { exec } from './exec.ts';
import { features } from './features.ts';
import { image } from './image/index.ts';
import { kill } from './kill.ts';
import { list } from './list.ts';
import { login } from './login.ts';
import { logout } from './logout.ts';
import { mount } from './mount/index.ts';
import { network } from './network/index.ts';
import { pause } from './pause.ts';
import { plan } from './plan.ts';
import { ps } from './ps.ts';
import { restore } from './restore.ts';
import { resume } from './resume.ts';
import { run } from './run.ts';
import { spec } from './spec.ts';
import { start } from './start.ts';
import { state } from './state.ts';
import { system } from './system/index.ts';
import { update } from './update.ts';
import { volume } from './volume/index.ts';

/** In the order of the help: life cycle, inspection, images and networks, bundles. */
export const modules: readonly (CommandModule | CommandGroup)[] = [
  create,
  start,
  run,
  exec,
  update,
  kill,
  pause,
  resume,
  checkpoint,
  restore,
  deleteCommand,
  state,
  list,
  ps,
  events,
  mount,
  container,
  image,
  login,
  logout,
  volume,
  system,
  network,
  dashboard,
  spec,
  check,
  plan,
  features,
  completionOf(() => modules),
];
