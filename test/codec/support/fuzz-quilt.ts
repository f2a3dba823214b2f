import assert from 'node:assert/strict'
import {
  blobIdFromBytes,
  CodecError,
  encodeQuilt,
  encodingParams,
  openQuilt,
  type QuiltFile,
  quiltInBlob,
} from '../../../codec/index.ts'
import { xorshiftBytes } from './data.ts'
import { officialQuilt } from './official-quilt.ts'

type Random = (below: number) => number

/** A quilt is byte for byte the official one, its files come back, and damage never becomes another error. */
export async function quilts(random: Random, n: number): Promise<void> {
  const files = randomFiles(random, random(Math.min(encodingParams(n).secondarySymbols - 1, 20) + 1))
  const { data } = await encodeQuilt(files, n)
  const same = Buffer.compare(data, officialQuilt(files, n).quilt) === 0
  assert.ok(same, `quilt of ${files.length} files on ${n} shards`)
  const blobId = blobIdFromBytes(xorshiftBytes(1, 32))
  const reader = openQuilt(quiltInBlob(blobId, data, n))
  for (const { identifier, contents, tags = {} } of files) {
    assert.deepEqual(await reader.readByIdentifier(identifier), { identifier, contents, tags })
  }

  const damaged = data.slice()
  for (let i = 0; i <= random(4); i++) damaged[random(Math.min(damaged.length, 400))] = random(256)
  const damagedReader = openQuilt(quiltInBlob(blobId, damaged, n))
  try {
    for (const { patchId } of await damagedReader.list()) await damagedReader.readByPatchId(patchId)
  } catch (error) {
    if (!(error instanceof CodecError) || error.code !== 'QUILT_INVALID') throw error
  }
}

function randomFiles(random: Random, count: number): QuiltFile[] {
  const text = (length: number) =>
    String.fromCodePoint(...Array.from({ length }, () => random([128, 0xd800, 0xd800][random(3)]!)))
  return Array.from({ length: count }, (_, i) => {
    const tags = Object.fromEntries(
      Array.from({ length: random(3) }, () => [text(random(6)), text(random(9))]),
    )
    const length = random([2, 50, 3000][random(3)]!)
    // with a dash: '1' and 6 would give the same name as '' and 16
    return { identifier: `${text(random(10))}-${i}`, contents: xorshiftBytes(i + 1, length), tags }
  })
}
