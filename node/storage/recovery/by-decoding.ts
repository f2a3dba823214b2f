import type { Log } from '../../../base/log.ts'
import { LruMap } from '../../../base/lru-map.ts'
import { createSemaphore } from '../../../base/semaphore.ts'
import type { Committees } from '../../../chain/types/index.ts'
import type { BlobId } from '../../../codec/types.ts'
import type { Accusation } from '../../../protocols/index.ts'
import type { Budget } from '../budget.ts'
import { DecodeInFiles, type InFilesComponents } from './decode-in-files.ts'
import { decodeInMemory, type InMemoryComponents } from './decode-in-memory.ts'
import type { Inconsistencies } from './inconsistencies.ts'
import type { Cure, Patient } from './recovery.ts'

export interface DecodingComponents
  extends Omit<InMemoryComponents, 'received'>,
    Omit<InFilesComponents, 'received' | 'scratch' | 'windowBytes'> {
  codec: InMemoryComponents['codec'] & InFilesComponents['codec']
  slivers: InMemoryComponents['slivers']
  inconsistencies: Pick<Inconsistencies, 'knows' | 'found'>
  budget: Budget
  /** a folder on the store's disk for what memory does not hold; larger blobs are left when absent */
  scratch?: InFilesComponents['scratch'] | undefined
  /** larger blobs, in bytes, go by way of files; LARGEST_IN_MEMORY when absent */
  largestInMemory?: number
  /** of the expanded blob, in bytes, what is in memory at a time where it goes by way of files; WINDOW_BYTES when absent */
  windowBytes?: number
  log: Log
}

/** What became of a blob: stored, not to be had now, or what proves that it was encoded wrongly, if anything does. */
export type Decoded = 'stored' | 'lacking' | { accusation: Accusation | undefined }

/** Encoded they take so many times as much memory. */
const LARGEST_IN_MEMORY = 64 * 1024 * 1024
const ENCODED = 4.5
const WINDOW_BYTES = 32 * 1024 * 1024
/** Blobs that do not decode to themselves, though no sliver is wrong. */
const WRONG_REMEMBERED = 10_000

/**
 * The whole blob from primary slivers of a third of the shards, encoded anew: for blobs of which there are too few secondary
 * slivers to rebuild primary ones. Large ones go by way of files, one at a time.
 */
export function cureByDecoding(components: DecodingComponents): Cure {
  const { scratch, budget, inconsistencies, log } = components
  const { largestInMemory = LARGEST_IN_MEMORY, windowBytes = WINDOW_BYTES } = components
  const wrong = new LruMap<BlobId, true>(WRONG_REMEMBERED)
  const inFiles = createSemaphore(1)
  const isLarge = ({ metadata }: Patient): boolean => metadata.unencodedLength > largestInMemory

  const small = (patient: Patient, committees: Committees, signal: AbortSignal): Promise<Decoded> =>
    budget.within(patient.urgency, ENCODED * patient.metadata.unencodedLength, signal, grant => {
      const codec = grant.timing(components.codec)
      const received = (bytes: number): void => grant.spent({ bytes })
      return decodeInMemory({ ...components, codec, received }, patient, committees, signal)
    })
  const large = async (patient: Patient, committees: Committees, signal: AbortSignal): Promise<Decoded> => {
    // it comes back: more urgent blobs do not wait for the one that is being decoded
    if (scratch === undefined || inFiles.used > 0) return 'lacking'
    const { metadata, urgency } = patient
    const turn = await inFiles.take(1, signal)
    try {
      return await budget.within(urgency, DecodeInFiles.heldBytes(metadata, windowBytes), signal, grant => {
        const codec = grant.timing(components.codec)
        const received = (bytes: number): void => grant.spent({ bytes })
        const files = new DecodeInFiles({ ...components, codec, received, scratch, windowBytes }, patient)
        return files.run(committees, signal)
      })
    } finally {
      turn.release()
    }
  }

  return {
    async heal(patients, committees, signal) {
      for (const patient of patients.toSorted((a, b) => Number(isLarge(a)) - Number(isLarge(b)))) {
        const { blobId } = patient
        if (wrong.get(blobId) || inconsistencies.knows(blobId)) continue
        const decoded = await (isLarge(patient) ? large : small)(patient, committees, signal)
        if (typeof decoded === 'string') continue
        const { accusation } = decoded
        if (accusation !== undefined) {
          inconsistencies.found(accusation)
          continue
        }
        wrong.set(blobId, true)
        log.error({ blobId }, 'a blob was encoded wrongly: what its slivers decode to is another')
      }
    },
  }
}
