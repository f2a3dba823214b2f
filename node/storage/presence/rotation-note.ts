import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeAtomically } from '../../../base/atomic-file.ts'
import type { Epoch } from '../../../codec/types.ts'
import { isMissing } from '../store/pack-file.ts'

/** What is noted beside the keys while the network key is replaced. */
export interface RotationNote {
  /** at which the new key listens while the old one has the place of its own */
  port: number
  /** in which epoch the node went over to it */
  since?: Epoch
}

const pathIn = (folder: string): string => join(folder, 'network.rotation.json')

export async function readNote(folder: string): Promise<RotationNote | undefined> {
  try {
    return JSON.parse(await readFile(pathIn(folder), 'utf8')) as RotationNote
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

export const writeNote = (folder: string, note: RotationNote): Promise<void> =>
  writeAtomically(pathIn(folder), `${JSON.stringify(note)}\n`, 0o600)

export const dropNote = (folder: string): Promise<void> => rm(pathIn(folder), { force: true })
