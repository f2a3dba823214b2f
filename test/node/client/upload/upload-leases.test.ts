import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmod, mkdir, readdir, rename, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../../../base/clock.ts'
import { createUploadLeases } from '../../../../node/client/upload/upload-leases.ts'
import { anyObjectId } from '../../../support/fake-chain.ts'
import { anyBlobId } from '../../../support/sliver-store-suite.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

const never = new AbortController().signal

describe('upload leases', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  beforeEach(async () => {
    folder = await temporaryFolder()
  })
  afterEach(() => folder.remove())

  const path = () => join(folder.path, 'leases')
  const key = { network: anyObjectId(), owner: anyObjectId(), blobId: anyBlobId() }
  const wait = { signal: never, wait: true }
  /** What another process of this user has, as one that was killed leaves it. */
  const fromTheDead = async () => {
    const { pid } = spawnSync(process.execPath, ['-e', ''])
    const [name = ''] = await readdir(path())
    const [prefix, ticket, machine, , random] = name.split('-')
    await rename(join(path(), name), join(path(), [prefix, ticket, machine, pid, random].join('-')))
  }

  it('are held by one at a time, in the order in which they came', async () => {
    const leases = createUploadLeases({ clock: systemClock, folder: path() })
    const held: number[] = []
    let holders = 0
    await Promise.all(
      [0, 1, 2, 3].map(async i => {
        await using lease = await leases.take(key, wait)
        holders++
        assert.equal(holders, 1)
        assert.equal(await lease.mayResume(), true)
        // one that ended before this one looked was not waited for
        assert.ok(!lease.waited || held.length > 0)
        held.push(i)
        await new Promise(resolve => setImmediate(resolve))
        holders--
      }),
    )
    assert.deepEqual(held.sort(), [0, 1, 2, 3])
    assert.deepEqual(await readdir(path()), [])
  })

  it('of another blob, wallet or network are nobody elses business', async () => {
    const leases = createUploadLeases({ clock: systemClock, folder: path() })
    await using _one = await leases.take(key, wait)
    for (const other of [
      { ...key, blobId: anyBlobId() },
      { ...key, owner: anyObjectId() },
      { ...key, network: anyObjectId() },
    ]) {
      await using lease = await leases.take(other, wait)
      assert.equal(lease.waited, false)
    }
  })

  it('are not waited for without end: then nobody resumes what the other may be busy with', async () => {
    const leases = createUploadLeases({ clock: systemClock, folder: path(), waitMs: 0 })
    await using first = await leases.take(key, wait)
    assert.equal(await first.mayResume(), true)
    {
      await using second = await leases.take(key, wait)
      assert.equal(await second.mayResume(), false)
      assert.equal(await first.mayResume(), false)
    }
    assert.equal(await first.mayResume(), true)
    {
      await using forced = await leases.take(key, { signal: never, wait: false })
      assert.equal(forced.waited, false)
      assert.equal(await first.mayResume(), false)
      assert.equal(await forced.mayResume(), false)
    }
  })

  it('of a process that was killed hold up nobody', async () => {
    const leases = createUploadLeases({ clock: systemClock, folder: path() })
    const killed = await leases.take(key, wait)
    await fromTheDead()
    await using lease = await leases.take(key, wait)
    assert.equal(lease.waited, false)
    assert.equal(await lease.mayResume(), true)
    assert.equal((await readdir(path())).length, 1)
    await killed[Symbol.asyncDispose]()
  })

  it('that were not touched for long hold up nobody: their process may have been given to another', async () => {
    const leases = createUploadLeases({ clock: systemClock, folder: path(), staleMs: 60_000 })
    const old = await leases.take(key, wait)
    const [name = ''] = await readdir(path())
    const longAgo = new Date(Date.now() - 61_000)
    await utimes(join(path(), name), longAgo, longAgo)
    await using lease = await leases.take(key, wait)
    assert.equal(lease.waited, false)
    await old[Symbol.asyncDispose]()
  })

  it('are touched while they are held', async () => {
    const leases = createUploadLeases({ clock: systemClock, folder: path(), staleMs: 1_500, waitMs: 2_000 })
    await using _first = await leases.take(key, wait)
    await using second = await leases.take(key, wait)
    assert.equal(second.waited, true)
    assert.equal(await second.mayResume(), false)
  })

  it('are waited for until the signal says otherwise, and leave nothing behind', async () => {
    const leases = createUploadLeases({ clock: systemClock, folder: path() })
    const first = await leases.take(key, wait)
    const patience = new AbortController()
    const second = leases.take(key, { signal: patience.signal, wait: true })
    patience.abort(new Error('no more patience'))
    await assert.rejects(second, /no more patience/)
    await first[Symbol.asyncDispose]()
    assert.deepEqual(await readdir(path()), [])
  })

  it('do without a folder that cannot be had, or that others may write to', async () => {
    const nowhere = createUploadLeases({ clock: systemClock, folder: join('/proc', 'floe-uploads') })
    await mkdir(path())
    await chmod(path(), 0o777)
    for (const leases of [nowhere, createUploadLeases({ clock: systemClock, folder: path() })]) {
      await using first = await leases.take(key, wait)
      await using second = await leases.take(key, wait)
      assert.deepEqual([first.waited, second.waited], [false, false])
    }
    assert.deepEqual(await readdir(path()), [])
  })
})
