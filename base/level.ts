import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir } from 'node:fs/promises'
import type { ClassicLevel } from 'classic-level'
import { LevelDatastore } from 'datastore-level'
import { CodedError } from './coded-error.ts'

/** Records in the order of their keys, which are text, in a folder of their own. */
export type Level = LevelDatastore['db']

/** Why a database cannot be opened; what Level said is the `cause`. */
export interface LevelErrorDetails {
  /** Another process, or this one, has it open. */
  LEVEL_LOCKED: { path: string }
  /** It has lost the file by which the others are found. */
  LEVEL_LOST_CURRENT: { path: string }
  /** Damaged, or the system failed: the cause tells. */
  LEVEL_UNREADABLE: { path: string }
}

export class LevelError<Code extends keyof LevelErrorDetails = keyof LevelErrorDetails> extends CodedError<
  LevelErrorDetails,
  Code
> {
  override readonly name = 'LevelError'
}

/** The database under a datastore: its own batches are not synced, and its `open` drops the error's code. */
const levelAt = (path: string): Level => new LevelDatastore(path).db

/** Opens the database in a folder, or makes one where there is none. Throws LevelError. */
export async function openLevel(path: string): Promise<Level> {
  await mkdir(path, { recursive: true })
  // without CURRENT, Level would make a new database over what is left of the old one, and throw that away
  const names = await readdir(path)
  if (!names.includes('CURRENT') && names.some(isLevels))
    throw new LevelError('LEVEL_LOST_CURRENT', `the database ${path} has lost its file CURRENT`, { path })
  const level = levelAt(path)
  try {
    await level.open()
  } catch (error) {
    throw isLocked(error)
      ? locked(path, error)
      : new LevelError(
          'LEVEL_UNREADABLE',
          `the database ${path} cannot be opened`,
          { path },
          { cause: causeOf(error) },
        )
  }
  return level
}

/** Rewrites its tables, so that what was deleted takes no room any more; others go on reading and writing meanwhile. */
export async function compactLevel(level: Level): Promise<void> {
  // in Node it is a ClassicLevel, which the datastore's types do not tell
  await (level as Level & Pick<ClassicLevel<string>, 'compactRange'>).compactRange('', '\uffff')
}

/**
 * Whether the database can be opened as it is; nothing is made. To be asked before `repairLevel`, which looks at no lock.
 * Throws LevelError LEVEL_LOCKED.
 */
export async function isLevelWhole(path: string): Promise<boolean> {
  const level = levelAt(path)
  try {
    // in the same turn: by itself, Level would make what is not there
    await level.open({ createIfMissing: false })
    return true
  } catch (error) {
    if (isLocked(error)) throw locked(path, error)
    return false
  } finally {
    await level.close()
  }
}

/**
 * Level's own repair of a database that nobody has open, in a process apart: on a table whose keys are damaged it ends its
 * process. False when it could not do it; the folder then holds what it left.
 */
export async function repairLevel(path: string): Promise<boolean> {
  const script = `
    import { ClassicLevel } from ${JSON.stringify(import.meta.resolve('classic-level'))}
    await ClassicLevel.repair(process.argv[1])
    // what it made can be opened, and put in order, too
    const level = new ClassicLevel(process.argv[1])
    await level.open()
    await level.compactRange('', '\\uffff')
    await level.close()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, path], { stdio: 'ignore' })
  const [code] = await once(child, 'close')
  return code === 0
}

const isLevels = (name: string): boolean => /^MANIFEST-\d+$|^\d+\.(ldb|sst|log)$/.test(name)

/** abstract-level wraps what Level said */
const causeOf = (error: unknown): unknown => (error instanceof Error ? error.cause : undefined)

function isLocked(error: unknown): boolean {
  const cause = causeOf(error)
  return cause instanceof Error && 'code' in cause && cause.code === 'LEVEL_LOCKED'
}

const locked = (path: string, error: unknown): LevelError<'LEVEL_LOCKED'> =>
  new LevelError(
    'LEVEL_LOCKED',
    `the database ${path} is in use by another process`,
    { path },
    { cause: causeOf(error) },
  )
