import assert from 'node:assert/strict'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { silentLog } from '../../../../base/log.ts'
import type { Committee, Committees } from '../../../../chain/types/index.ts'
import type { Bls } from '../../../../codec/index.ts'
import { loadBls } from '../../../../codec/node.ts'
import type { Epoch, ObjectId } from '../../../../codec/types.ts'
import { loadNodeKeys, makeNextBlsKey } from '../../../../node/keys.ts'
import { openBlsKeys } from '../../../../node/storage/custody/bls-keys.ts'
import { createConfirmationSigner } from '../../../../node/storage/custody/signer.ts'
import { anyBlobId } from '../../../support/sliver-store-suite.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

const nodeId = `0x${'5'.repeat(64)}` as ObjectId

describe("a node's BLS keys, while one is replaced", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let bls: Bls
  let committees: Committees
  before(async () => {
    bls = await loadBls()
  })
  beforeEach(async () => {
    folder = await temporaryFolder()
  })
  afterEach(() => folder.remove())

  const committee = (epoch: number, secret: Uint8Array) =>
    ({ epoch, members: [{ nodeId, blsPublicKey: bls.publicKey(secret) }] }) as unknown as Committee
  const now = (current: Committee, previous?: Committee, next?: Committee) => {
    committees = { epoch: current.epoch, current, previous, next } as Committees
  }
  const open = async () => {
    const keys = await loadNodeKeys(folder.path)
    const opened = await openBlsKeys({
      bls,
      nodeId,
      committees: { latest: () => committees },
      keys,
      log: silentLog(),
    })
    return { keys, opened, signer: createConfirmationSigner(bls, keys.blsSecret, opened.secretFor) }
  }
  const files = async () => (await readdir(folder.path)).filter(name => name.startsWith('bls')).sort()
  const blobId = anyBlobId()
  const signsWith = (
    signer: ReturnType<typeof createConfirmationSigner>,
    epoch: number,
    secret: Uint8Array,
  ) => {
    const { message, signature } = signer.attestInvalid({ epoch: epoch as Epoch, blobId })
    return bls.verify(bls.publicKey(secret), message, signature)
  }

  it('are those by which the committee of each epoch verifies: made while it runs, in office, and over', async () => {
    const { keys, opened, signer } = await open()
    const own = keys.blsSecret
    now(committee(1, own))
    await opened.settle()
    assert.ok(signsWith(signer, 1, own))

    const next = await makeNextBlsKey(folder.path, bls)
    assert.deepEqual(await makeNextBlsKey(folder.path, bls), next)
    now(committee(1, own), undefined, committee(2, next))
    await opened.settle()
    assert.ok(signsWith(signer, 1, own))
    assert.ok(signsWith(signer, 2, next))
    assert.deepEqual(await files(), ['bls.key', 'bls.next.key'])

    now(committee(2, next), committee(1, own))
    await opened.settle()
    assert.deepEqual(await files(), ['bls.key', 'bls.old.key'])
    assert.deepEqual((await loadNodeKeys(folder.path)).blsSecret, next)
    assert.ok(signsWith(signer, 2, next))
    assert.ok(signsWith(signer, 1, own))

    now(committee(3, next), committee(2, next))
    await opened.settle()
    assert.deepEqual(await files(), ['bls.key'])
    assert.ok(signsWith(signer, 3, next))
  })

  it('go over at a start, too, and after a kill in the middle of it, with none lost', async () => {
    const { blsSecret: own } = await loadNodeKeys(folder.path)
    const next = await makeNextBlsKey(folder.path, bls)
    now(committee(2, next), committee(1, own))
    const text = (secret: Uint8Array) => `${Buffer.from(secret).toString('hex')}\n`
    // killed when the own key was written, and the next one not removed yet
    await writeFile(join(folder.path, 'bls.old.key'), text(own), { mode: 0o600 })
    await writeFile(join(folder.path, 'bls.key'), text(next), { mode: 0o600 })
    const { opened, signer } = await open()
    await opened.settle()
    assert.deepEqual(await files(), ['bls.key', 'bls.old.key'])
    assert.ok(signsWith(signer, 1, own))
    assert.ok(signsWith(signer, 2, next))
  })

  it('stay as they are when another key is in office, or the keys of before are not certain', async () => {
    const { keys, opened, signer } = await open()
    await makeNextBlsKey(folder.path, bls)
    now(committee(2, bls.generateSecret()))
    await opened.settle()
    assert.deepEqual(await files(), ['bls.key', 'bls.next.key'])
    // nobody can verify it, whatever it is
    assert.ok(signsWith(signer, 2, keys.blsSecret))
    now(committee(2, keys.blsSecret), { ...committee(1, keys.blsSecret), keysUncertain: true })
    await mkdir(folder.path, { recursive: true })
    await writeFile(join(folder.path, 'bls.old.key'), `${'1'.repeat(64)}\n`, { mode: 0o600 })
    await opened.settle()
    assert.ok((await files()).includes('bls.old.key'))
  })
})
