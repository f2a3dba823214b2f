import { type BlobCodec, createCodec } from '../../codec/index.ts'
import type { Timeline } from './timeline.ts'

const IN_TURN = new Set([
  'encode',
  'metadata',
  'isMetadata',
  'decode',
  'verifySliver',
  'verifySlivers',
  'symbolsFor',
  'recoverSlivers',
  'recoverSliver',
  'recoverySymbols',
  'proveInconsistency',
  'verifyInconsistencyProof',
])

/** The codec on this thread, each call of which is over before anything else goes on. */
export function realCodec(timeline: Timeline): BlobCodec {
  const codec = createCodec({ threads: 0, clock: timeline.clock })
  return new Proxy(codec, {
    get: (target, name) => {
      const value = Reflect.get(target, name)
      if (name === 'warm') return () => undefined
      if (typeof value !== 'function' || !IN_TURN.has(name as string)) return value
      return (...args: unknown[]) => timeline.real(async () => await value.apply(target, args))
    },
  }) as unknown as BlobCodec
}
