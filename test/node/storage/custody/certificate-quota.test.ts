import assert from 'node:assert/strict'
import { createCertificateQuota } from '../../../../node/storage/custody/certificate-quota.ts'
import { CERTIFICATES } from '../../../../protocols/index.ts'

describe('quota of certificates', () => {
  let time: number
  beforeEach(() => {
    time = 0
  })
  const start = () => createCertificateQuota({ monotonic: () => time })
  const checks = (quota: ReturnType<typeof start>, account: string, tries = 1_000) => {
    let count = 0
    for (let i = 0; i < tries; i++) if (quota.mayCheck(account)) count++
    return count
  }

  it('gives an account so many checks in a row, and more as time goes', () => {
    const quota = start()
    assert.equal(checks(quota, 'a'), CERTIFICATES.burst)
    time += 1_000
    assert.equal(checks(quota, 'a'), CERTIFICATES.perSecond)
  })

  it('gives all accounts together no more than the node has', () => {
    const quota = start()
    let count = 0
    for (let i = 0; i < 1_000; i++) count += checks(quota, `account ${i}`, 2)
    assert.equal(count, CERTIFICATES.nodeBurst)
    time += 1_000
    assert.equal(checks(quota, 'another'), CERTIFICATES.nodePerSecond)
  })

  it('gives few to an account that sent what did not hold, and the others what they have', () => {
    const quota = start()
    for (let i = 0; i < CERTIFICATES.faultBurst; i++) {
      assert.ok(quota.mayCheck('a'))
      quota.fault('a')
    }
    assert.equal(checks(quota, 'a'), 0)
    assert.equal(checks(quota, 'b'), CERTIFICATES.burst)
    time += 60_000
    assert.ok(quota.mayCheck('a'))
    quota.fault('a')
    assert.equal(checks(quota, 'a'), 0)
  })

  it('lets few wait, and takes places back', () => {
    const quota = start()
    const leave = Array.from({ length: CERTIFICATES.waitingPerAccount }, () => quota.wait('a'))
    assert.ok(leave.every(Boolean))
    assert.equal(quota.wait('a'), undefined)
    leave[0]?.()
    assert.ok(quota.wait('a'))
    let others = 0
    while (quota.wait(`b ${others}`) !== undefined) others++
    assert.equal(others, CERTIFICATES.waiting - CERTIFICATES.waitingPerAccount)
  })
})
