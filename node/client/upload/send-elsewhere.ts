import { raceSignal } from 'race-signal'
import type { Committee } from '../../../chain/types/index.ts'
import type { RegisteredBlob, StoreOptions } from '../types.ts'
import type { FanOut } from './fan-out.ts'

/** Slivers on their way, whoever sends them. */
export type Sending = Pick<FanOut, 'result' | 'serveRest' | 'stop' | 'finished'>

/** Has somebody else send a registered blob, who tells no more than the certificate. Begins at once. */
export function sendElsewhere(
  sendBy: NonNullable<StoreOptions['sendBy']>,
  blob: RegisteredBlob,
  { members }: Committee,
): Sending {
  const stopped = new AbortController()
  const sent = sendBy(blob, stopped.signal)
  const finished = sent.then(
    () => undefined,
    () => undefined,
  )
  const stop = async (reason: unknown): Promise<void> => {
    stopped.abort(reason)
    await finished
  }
  return {
    finished,
    stop,
    serveRest() {},
    async result(signal) {
      try {
        const certificate = await raceSignal(sent, signal)
        // the chain checks who has signed
        const confirmedShards = members
          .filter(({ index }) => certificate.signers.includes(index))
          .reduce((sum, { shards }) => sum + shards.length, 0)
        return { certificate, confirmedShards, epochChanged: false, refusals: [] }
      } catch (error) {
        await stop(error)
        throw error
      }
    },
  }
}
