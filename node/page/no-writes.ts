class Nobody {
  constructor() {
    throw new Error('this page only reads')
  }
}

/** In place of what has the chain do something: a reader has no wallet. */
export { Nobody as WalletCashier, Nobody as WalletOperator, Nobody as WalletWriter }
