import { randomFillSync } from 'node:crypto'
import { type Codec, type EncodedBlob, encodingParams, type SliverOfBlob } from '../../../codec/index.ts'
import type { SliverPairIndex, SliverRef } from '../../../codec/types.ts'

const refs = (axis: SliverRef['axis'], count: number): SliverRef[] =>
  Array.from({ length: count }, (_, pair) => ({ pair: pair as SliverPairIndex, axis }))

/** A blob of symbols of so many bytes. */
export function encodeOf(codec: Codec, nShards: number, symbolBytes: number): Promise<EncodedBlob> {
  const { primarySymbols, secondarySymbols } = encodingParams(nShards)
  const data = randomFillSync(new Uint8Array(primarySymbols * secondarySymbols * symbolBytes))
  return codec.encode(data, nShards)
}

/** CPU time of this process, in us. */
async function cpuUs(run: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(before)
  return user + system
}

/** What symbols take who gives them, with proofs and without; the second time, when tables are made. */
export async function proofs(
  codec: Codec,
  blob: EncodedBlob,
  sources: number,
): Promise<Record<string, number>> {
  const { metadata } = blob
  const targets = refs('secondary', Math.min(77, Math.floor(metadata.nShards / 3)))
  const given = refs('primary', sources).map(source => ({
    metadata,
    source,
    bytes: blob.sliver(source),
    targets,
  }))
  const plain = () => codec.symbolsFor(given)
  const proven = async () => {
    for (const one of given) await codec.recoverySymbols({ ...one, proofs: true })
  }
  await plain()
  const plainUs = await cpuUs(plain)
  const provenUs = await cpuUs(proven)
  const symbols = sources * targets.length
  return {
    cpuUsPerSymbol: plainUs / symbols,
    withProofs: provenUs / symbols,
    provenPerPlain: provenUs / plainUs,
  }
}

/** What checking slivers takes, one by one and many together. */
export async function verifying(
  codec: Codec,
  blob: EncodedBlob,
  count: number,
): Promise<Record<string, number>> {
  const { metadata } = blob
  const slivers = refs('primary', count).map(
    (ref): SliverOfBlob => ({ metadata, ref, bytes: blob.sliver(ref) }),
  )
  const together = () => codec.verifySlivers(slivers)
  const singly = async () => {
    for (const { ref, bytes } of slivers) await codec.verifySliver(metadata, ref, bytes)
  }
  await singly()
  await together()
  const [singleUs, batchedUs] = [await cpuUs(singly), await cpuUs(together)]
  return {
    cpuUsPerSliver: batchedUs / count,
    oneByOne: singleUs / count,
    singlePerBatched: singleUs / batchedUs,
  }
}
