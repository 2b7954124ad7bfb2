import { SignIn, SignUp, useClerk, useUser } from '@clerk/react'
import { useState } from 'react'

// Join is where the link of an invitation leads. usher has put two parameters into
// the address: __clerk_ticket, which Clerk's components find there themselves, and
// __clerk_status, which says what is left to do.
export function Join() {
  const { user } = useUser()
  const { signOut } = useClerk()
  const [before] = useState(user) // who was signed in when the link was opened
  const [status] = useState(new URLSearchParams(location.search).get('__clerk_status'))

  if (status === 'complete') {
    location.replace('/') // whoever was signed in has joined already
    return null
  }
  if (before) {
    return (
      <main className="middle card">
        <h1>Whose invitation is this?</h1>
        <p>You are signed in as {before.primaryEmailAddress?.emailAddress}.</p>
        <button onClick={() => signOut({ redirectUrl: location.href })}>Go on as somebody else</button>
        <a href="/">Stay signed in</a>
      </main>
    )
  }
  // The new session is active in the organization that the invitation is for.
  return (
    <main className="middle">
      {status === 'sign_up' ? (
        <SignUp routing="hash" forceRedirectUrl="/" />
      ) : (
        <SignIn routing="hash" forceRedirectUrl="/" />
      )}
    </main>
  )
}
