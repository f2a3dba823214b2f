import assert from 'node:assert/strict'
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadNodeKeys, loadWallet } from '../../node/keys.ts'
import { temporaryFolder } from '../support/temporary.ts'

describe('keys', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  beforeEach(async () => {
    folder = await temporaryFolder()
  })
  afterEach(() => folder.remove())

  it('makes three separate keys that only the owner may read, and finds them again', async () => {
    const path = join(folder.path, 'keys')
    const keys = await loadNodeKeys(path)
    assert.deepEqual((await readdir(path)).sort(), ['bls.key', 'network.key', 'sui.key'])
    for (const name of await readdir(path)) assert.equal((await stat(join(path, name))).mode & 0o777, 0o600)
    const texts = await Promise.all((await readdir(path)).map(name => readFile(join(path, name), 'utf8')))
    assert.equal(new Set(texts).size, 3)
    assert.match(await readFile(join(path, 'sui.key'), 'utf8'), /^suiprivkey1[0-9a-z]+\n$/)
    const again = await loadNodeKeys(path)
    assert.deepEqual(again.blsSecret, keys.blsSecret)
    assert.deepEqual(again.networkSeed, keys.networkSeed)
    assert.equal(again.wallet.address, keys.wallet.address)
    assert.equal(keys.networkPublicKey.length, 33)
  })

  it('refuses a key that others may read', async () => {
    const path = join(folder.path, 'user.sui.key')
    await loadWallet(path)
    await chmod(path, 0o640)
    await assert.rejects(loadWallet(path), { name: 'KeyError', code: 'KEY_EXPOSED', path })
  })

  it('says nothing of what it read instead of a key', async () => {
    const path = join(folder.path, 'user.sui.key')
    await writeFile(path, 'almost-a-secret', { mode: 0o600 })
    await assert.rejects(loadWallet(path), (error: Error) => {
      assert.ok(!JSON.stringify([error.message, error.stack, error.cause]).includes('almost-a-secret'))
      return true
    })
  })
})
