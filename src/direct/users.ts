// SPDX-License-Identifier: Apache-2.0
import { RuntimeError } from '../errors/error.ts';

/** Text of /etc/passwd and /etc/group of an image; empty if it has none. */
export interface UserFiles {
  readonly passwd: string;
  readonly group: string;
}

export interface FoundUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
}

const largestId = 4_294_967_294;

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/**
 * Returns the ids for `USER[:GROUP]`, each a name or a number; an empty text is root. A number needs no entry in the
 * files. The additional groups are those that /etc/group lists for the user, unless a group is given.
 *
 * @param extra - values of `--group-add`
 * @throws RuntimeError `direct.no-user`
 */
export function findUser(text: string, files: UserFiles, extra: readonly string[] = []): FoundUser {
  const [userText = '', groupText] = text.split(/:(.*)/s);
  const users = entriesOf(files.passwd).flatMap(passwdEntry);
  const groups = entriesOf(files.group).flatMap(groupEntry);
  const name = userText === '' ? '0' : userText;
  const number = idOf(name);
  // A name that consists of digits has precedence over the number.
  const user =
    users.find(entry => entry.name === name) ??
    users.find(entry => number !== undefined && entry.uid === number);
  if (user === undefined && number === undefined) throw noUser('user', name, 'passwd');
  const uid = user?.uid ?? number ?? 0;
  const ofGroup = (wanted: string): number => {
    const gid = groups.find(entry => entry.name === wanted)?.gid ?? idOf(wanted);
    if (gid === undefined) throw noUser('group', wanted, 'group');
    return gid;
  };
  const isGiven = groupText !== undefined && groupText !== '';
  const gid = isGiven ? ofGroup(groupText) : (user?.gid ?? 0);
  const listed =
    isGiven || user === undefined
      ? []
      : groups.filter(({ members }) => members.includes(user.name)).map(group => group.gid);
  return { uid, gid, additionalGids: [...new Set([...listed, ...extra.map(ofGroup)])] };
}

function entriesOf(text: string): string[][] {
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => line.split(':'));
}

function passwdEntry([name = '', , uidText = '', gidText = '']: readonly string[]): PasswdEntry[] {
  const [uid, gid] = [idOf(uidText), idOf(gidText)];
  return uid === undefined || gid === undefined ? [] : [{ name, uid, gid }];
}

function groupEntry([name = '', , gidText = '', list = '']: readonly string[]): GroupEntry[] {
  const gid = idOf(gidText);
  return gid === undefined ? [] : [{ name, gid, members: list.split(',').filter(member => member !== '') }];
}

function idOf(text: string): number | undefined {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  return number <= largestId ? number : undefined;
}

function noUser(kind: 'user' | 'group', name: string, file: string): RuntimeError {
  return new RuntimeError({
    code: 'direct.no-user',
    message: `unable to find ${kind} ${name}: no matching entries in ${file} file`,
    value: name,
    hint: `use a number, or a name of /etc/${file} of the image`,
  });
}
