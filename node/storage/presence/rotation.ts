import { Background } from '../../../base/background.ts'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { Notify } from '../../../base/notify.ts'
import { createSemaphore } from '../../../base/semaphore.ts'
import { Troubles } from '../../../base/troubles.ts'
import type { AnnouncedKey, NetworkKeys } from './network-keys.ts'
import type { Presences } from './presences.ts'

export interface RotationComponents {
  keys: NetworkKeys
  presences: Pick<Presences, 'go'>
  clock: Clock
  log: Log
}

/** Goes over from one network key to the next, step by step, as the chain and the epochs allow. */
export interface Rotation {
  /** Makes the next key and listens by it, too; goes on with one that was made before. Throws what listening throws, ChainError. */
  prepare(port: number): Promise<AnnouncedKey>
  /** Epochs have turned. */
  wake(): void
  start(): void
  stop(): Promise<void>
}

/** While a key is replaced, the chain is asked so often. */
const LOOK_MS = 15_000

export function createRotation({ keys, presences, clock, log }: RotationComponents): Rotation {
  const turns = createSemaphore(1)
  const waking = new Notify()
  const troubles = new Troubles(clock)

  const stopping = new AbortController()
  async function alone<T>(run: () => Promise<T>): Promise<T> {
    const turn = await turns.take(1, stopping.signal)
    try {
      return await run()
    } finally {
      turn.release()
    }
  }
  async function settle(): Promise<void> {
    await keys.settle()
    await presences.go(keys.places())
    await keys.finish()
  }
  async function work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await alone(settle)
        troubles.over()
      } catch (err) {
        if (signal.aborted) return
        if (troubles.isNews(err)) log.warn({ err }, 'the network key could not be replaced; will try again')
      }
      const next = keys.isChanging() ? clock.after(LOOK_MS, () => waking.notify()) : undefined
      await waking.wait(signal).catch(() => undefined)
      next?.stop()
    }
  }
  const background = new Background(work)

  return {
    prepare: port =>
      alone(async () => {
        await keys.settle()
        const announced = await keys.prepare(port)
        await presences.go(keys.places())
        // from here on the chain may tell of it at any time
        waking.notify()
        return announced
      }),
    wake: () => waking.notify(),
    start: () => background.start(),
    async stop() {
      stopping.abort(new DOMException('the node stops', 'AbortError'))
      await background.stop()
      // what somebody has asked for ends first
      const turn = await turns.take(1)
      turn.release()
    },
  }
}
