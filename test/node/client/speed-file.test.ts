import assert from 'node:assert/strict'
import { readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../../base/clock.ts'
import { silentLog } from '../../../base/log.ts'
import { parseObjectId } from '../../../codec/index.ts'
import type { ObjectId } from '../../../codec/types.ts'
import { createSpeedFile } from '../../../node/client/speed-file.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const one = parseObjectId('0x1')
const two = parseObjectId('0x2')
const peers = [
  { nodeId: two, latencyMs: 12.5, waitsMs: [1, 2.5] },
  { nodeId: one, latencyMs: 0, waitsMs: [] },
]
const relays = [['relay', new Uint8Array(new TextEncoder().encode('{"callMs":7}'))] as const]
const speeds = { peers, relays }
const NONE = { peers: [], relays: [] }

describe('the file of speeds', () => {
  let temporary: Awaited<ReturnType<typeof temporaryFolder>>
  let folder: string
  beforeEach(async () => {
    temporary = await temporaryFolder()
    folder = join(temporary.path, 'peers')
  })
  afterEach(() => temporary.remove())

  const fileOf = (network: ObjectId) =>
    createSpeedFile({ network, folder, clock: systemClock, log: silentLog() })

  it('gives what was saved for the network, and nothing before', async () => {
    assert.deepEqual(await fileOf(one).load(), NONE)
    await fileOf(one).save(speeds)
    assert.deepEqual(await fileOf(one).load(), speeds)
    assert.deepEqual(await fileOf(two).load(), NONE)
  })

  it('does without what is damaged, too long, or no speed', async () => {
    await fileOf(one).save(speeds)
    const [name] = await readdir(folder)
    const path = join(folder, name!)
    for (const text of [
      '',
      '{"schemaVersion":1',
      'null',
      '{"schemaVersion":2,"speeds":[]}',
      ' '.repeat(2e6),
    ]) {
      await writeFile(path, text)
      assert.deepEqual(await fileOf(one).load(), NONE, text.slice(0, 40))
    }
    const odd = [null, 7, { nodeId: one }, { ...peers[0], latencyMs: -1 }, { ...peers[0], waitsMs: [null] }]
    await writeFile(
      path,
      JSON.stringify({ schemaVersion: 1, speeds: [...odd, peers[0]], relays: [7, ['a']] }),
    )
    assert.deepEqual(await fileOf(one).load(), { peers: [peers[0]], relays: [] })
    // and it is written again
    await fileOf(one).save(speeds)
    assert.deepEqual(await fileOf(one).load(), speeds)
  })

  it('is removed after a week without its network, and nothing else is', async () => {
    await fileOf(one).save(speeds)
    const [name] = await readdir(folder)
    await writeFile(join(folder, 'other'), '')
    const old = new Date(Date.now() - 8 * 24 * 3600 * 1000)
    for (const file of [name!, 'other']) await utimes(join(folder, file), old, old)
    await fileOf(two).save(speeds)
    const left = await readdir(folder)
    assert.ok(!left.includes(name!) && left.includes('other') && left.length === 2, left.join())
  })

  it('keeps nobody from reading where nothing can be written', async () => {
    await writeFile(folder, 'a file')
    await fileOf(one).save(speeds)
    assert.deepEqual(await fileOf(one).load(), NONE)
  })
})
