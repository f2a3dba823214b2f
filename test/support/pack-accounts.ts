import assert from 'node:assert/strict'
import { readdir, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { PACK_PREFIX, PENDING_PREFIX, SLIVER_PREFIX, SPARSE_PREFIX } from '../../node/storage/store/keys.ts'
import { isInline, parsePlace } from '../../node/storage/store/locations.ts'
import type { PackCount } from '../../node/storage/store/pack-index.ts'
import { footprintOf } from '../../node/storage/store/pack-name.ts'
import { decodeJson, type Records } from '../../node/storage/store/records.ts'

/** The files below a folder, as the store names them. */
export async function packFilesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter(entry => entry.isFile())
    .map(entry => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort()
}

/**
 * Index and packs of an open store that does nothing say the same: each pack's count is that of its slivers' records, those
 * less than half needed are noted, and no other file is there. Gives how many bytes are needed and on the disk.
 */
export async function expectAgreement(
  records: Records,
  folder: string,
): Promise<{ neededBytes: number; diskBytes: number; packs: number; sparse: number }> {
  const needed = new Map<string, { slivers: number; bytes: number }>()
  for await (const { key, value } of records.list(SLIVER_PREFIX)) {
    const place = parsePlace(value) ?? assert.fail(`no location: ${key}`)
    if (isInline(place)) continue
    const { file, length, offset } = place
    const { slivers, bytes } = needed.get(file) ?? { slivers: 0, bytes: 0 }
    needed.set(file, { slivers: slivers + 1, bytes: bytes + footprintOf({ file, length }) })
    const { size } = await stat(join(folder, file))
    assert.ok(size >= offset + length, `${file} is cut off`)
  }
  const counted = new Map<string, PackCount>()
  for await (const { key, value } of records.list(PACK_PREFIX))
    counted.set(key.slice(PACK_PREFIX.length), decodeJson(value) as PackCount)
  assert.deepEqual(
    new Map([...counted].map(([file, { slivers, bytes }]) => [file, { slivers, bytes }])),
    new Map([...needed].sort(([a], [b]) => (a < b ? -1 : 1))),
  )
  const sparse = []
  for await (const key of records.keys(SPARSE_PREFIX)) sparse.push(key.slice(SPARSE_PREFIX.length))
  assert.deepEqual(
    sparse,
    [...counted].filter(([, { bytes, writtenBytes }]) => bytes * 2 < writtenBytes).map(([file]) => file),
  )
  for await (const key of records.keys(PENDING_PREFIX)) assert.fail(`left: ${key}`)
  const files = await packFilesIn(folder)
  assert.deepEqual(files, [...counted.keys()].sort())
  let diskBytes = 0
  for (const file of files) diskBytes += (await stat(join(folder, file))).size
  const neededBytes = [...needed.values()].reduce((sum, { bytes }) => sum + bytes, 0)
  return { neededBytes, diskBytes, packs: files.length, sparse: sparse.length }
}
