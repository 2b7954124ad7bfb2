import { OrganizationSwitcher, SignIn, UserButton, useAuth, useOrganizationList } from '@clerk/react'
import { useEffect } from 'react'
import { Join } from './Join.jsx'
import { Team } from './Team.jsx'

export function App() {
  const { isLoaded, isSignedIn, orgId } = useAuth()
  if (!isLoaded) return <p className="quiet middle">One moment…</p>
  if (location.pathname === '/join') return <Join />
  if (!isSignedIn) {
    return (
      <main className="middle">
        <SignIn routing="hash" withSignUp={false} />
      </main>
    )
  }
  return (
    <>
      <header>
        <strong>Atlas</strong>
        <OrganizationSwitcher hidePersonal />
        <UserButton />
      </header>
      {orgId ? <Team key={orgId} /> : <FirstOrganization />}
    </>
  )
}

// FirstOrganization makes the session active in one of the user's organizations. A
// session that began with an invitation is active in the one that invited.
function FirstOrganization() {
  const { setActive, userMemberships } = useOrganizationList({ userMemberships: true })
  const first = userMemberships.data?.[0]?.organization.id
  useEffect(() => {
    if (first) setActive({ organization: first })
  }, [first, setActive])
  const nowhere = !userMemberships.isLoading && !first
  return <p className="quiet middle">{nowhere ? 'No organization has invited you yet.' : 'One moment…'}</p>
}
