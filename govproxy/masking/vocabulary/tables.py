"""Words for people and for tables: what the rows of a table are about. Data only."""

from __future__ import annotations

from govproxy.masking.vocabulary.context import words_in as _words

# Words for people: a table of them is about persons, and beside a phrase they make it personal.
PEOPLE = _words(
    """
    claimant claimants assistant assistants mothers fathers mae pai madre padre mere pere esposa esposo conjuge
    conjoint ehepartner erziehungsberechtigter vater mutter adjuster adjusters reviewer reviewers commenter
    requester requesters reporter reporters submitter approver sitter sitters tutor tutors coach coaches trainer
    trainers nominee nominees grantor grantee lessee lessor renters landlord landlords parent parents
    agent agents visitor visitors interviewer interviewee invitee invitees person persons people human humans
    individual individuals customer customers client clients cust user users usr member members membership
    employee employees emp emps staff staffs worker workers personnel colleague colleagues patient patients pat
    contact contacts actor actors student students pupil pupils teacher teachers professor professors instructor
    instructors faculty doctor doctors physician physicians nurse nurses therapist practitioner practitioners
    caregiver lead leads prospect prospects subscriber subscribers guest guests passenger passengers traveler
    travelers traveller travellers applicant applicants candidate candidates donor donors citizen citizens
    resident residents voter voters speaker speakers player players athlete athletes driver drivers rider riders
    courier couriers beneficiary beneficiaries policyholder policyholders insured cardholder cardholders
    participant participants respondent respondents attendee attendees inmate inmates witness witnesses victim
    victims suspect suspects spouse child children guardian guardians dependent dependents kin mother father
    husband wife borrower borrowers debtor debtors buyer buyers shopper shoppers freelancer freelancers
    contractor contractors volunteer volunteers recruiter admins administrators identity identities profile
    profiles owner owners signer signers signatory registrant registrants cadet soldier veteran consumer
    consumers assignee salesperson salespeople salesman manager managers representative rep reps fan fans
    tourist kunde kunden kundin benutzer nutzer mitarbeiter mitarbeiterin angestellte personal personen
    patienten patientin schueler studenten lehrer arzt aerzte mitglied mitglieder teilnehmer bewerber mieter
    versicherte versicherter ansprechpartner kontakte personne personnes utilisateur utilisateurs employe
    employes salarie salaries adherent adherents eleve eleves etudiant etudiants medecin medecins abonne abonnes
    beneficiaire locataire cliente clientes usuario usuarios empleado empleados trabajador trabajadores paciente
    pacientes alumno alumnos estudiante estudiantes medico medicos persona personas contacto contactos socio
    socios titular miembro miembros pessoa pessoas funcionario funcionarios aluno alunos membro membros contato
    contatos colaborador colaboradores accountholder payee payees payer payers roommate holder holders
    guarantor guarantors defendant defendants plaintiff plaintiffs judge judges attorney attorneys lawyer
    lawyers nok caller callers callee callees pax patron patrons occupant occupants juror jurors detainee
    detainees prisoner prisoners pensioner pensioners retiree retirees alumnus alumni mbr mbrs stdnt surgeon
    surgeons dentist dentists heir heirs trustee trustees fiance bride groom sibling siblings son
    daughter einwohner buerger abonnent abonnenten besucher gast gaeste spieler inhaber halter erben schuldner
    glaeubiger hausarzt versicherungsnehmer bewohner angehoerige angehoeriger assure assures habitant habitants
    citoyen citoyens contribuable invite invites voyageur voyageurs passager passagers tuteur titulaire
    titulaires huesped huespedes pasajero pasajeros inquilino inquilinos contribuyente contribuyentes ciudadano
    ciudadanos asegurado asegurados hospede hospedes passageiro passageiros contribuinte contribuintes cidadao
    cidadaos segurado segurados morador moradores dipendente dipendenti clienti paziente pazienti utente utenti
    studente studenti anagrafica anagrafiche persone cittadino cittadini soci assicurato assicurati medewerker
    medewerkers klant klanten gebruiker gebruikers werknemer werknemers leerling leerlingen lid leden bewoner
    bewoners huurder huurders pracownik pracownicy klient klienci pacjent pacjenci uzytkownik uzytkownicy uczen
    uczniowie osoba osoby kunder ansatt ansatte bruker brukere pasient pasienter elev elever anstalld anstallda
    anvandare medlem medlemmer medlemmar henkilo henkilot asiakas asiakkaat
    pilot pilots crew crews inspector inspectors chauffeur chauffeurs consignee consignees
    household households deceased bewohnerin schuelerin studentin lehrerin patienten uczniow etudiante
    etudiantes inscrits inscrit empadronados padron titulares conductores conductor conducteur conducteurs
    fahrer autista autisti chofer motorista motoristas entrepreneur landlady lodger lodgers trainee trainees
    intern interns apprentice apprentices azubi azubis stagiaire stagiaires becario becarios estagiario
    estagiarios renter author authors
    notary notaries bailiff bailiffs priest priests pastor pastors godparent godparents parishioner parishioners
    widow widows orphan orphans minor minors adoptee adoptees migrant migrants refugee refugees appellant
    appellants petitioner petitioners complainant complainants offender offenders accused perpetrator
    perpetrators arrestee arrestees parolee parolees convict convicts bidder bidders consignor consignors runner
    runners swimmer swimmers referee referees umpire umpires skipper skippers sailor sailors seafarer seafarers
    mechanic mechanics chef chefs waiter waiters cleaner cleaners stylist stylists photographer photographers
    singer singers composer composers performer performers musician musicians writer writers translator
    translators interpreter interpreters lecturer lecturers examiner examiners mentor mentors mentee mentees
    counselor counselors counsellor counsellors underwriter underwriters accountant accountants clerk clerks
    officer officers newborn newborns infant infants baby babies mum dad grandparent grandparents relative
    relatives neighbour neighbours neighbor neighbors notaire avocat avocats juge juges temoin temoins victime
    victimes prevenu plaignant plaignants demandeur demandeurs defendeur veuf veuve benevole benevoles joueur
    joueurs arbitre arbitres entraineur entraineurs allocataire allocataires retraite retraites electeur
    electeurs candidat candidats donateur donateurs defunt defunts proprietaire proprietaires enfant enfants
    nourrisson bailleur acheteur vendeur salariee soignant soignants infirmier infirmiere enseignant enseignants
    apprenant apprenants zeuge zeugen opfer taeter beschuldigter beschuldigte klaeger beklagter antragsteller
    antragstellerin spender spenderin erblasser vormund muendel pflegekind pate taeufling ehemann ehefrau witwe
    rentner rentnerin waehler kandidat kandidaten vereinsmitglied vereinsmitglieder schiedsrichter fahrgast
    fahrgaeste reisende reisender vermieter eigentuemer kaeufer verkaeufer makler gutachter dolmetscher betreuer
    betreute insasse insassen kind kinder saeugling eltern elternteil lernende lehrling lehrlinge pfleger
    pflegerin testigo testigos victima victimas acusado acusados demandante demandantes demandado denunciante
    denunciantes solicitante solicitantes jubilado jubilados pensionista pensionistas votante votantes elector
    electores candidato candidatos donante donantes padrino madrina difunto difuntos fallecido fallecidos
    heredero herederos viudo viuda hijo hijos hija hijas hermano hermanos propietario propietarios arrendador
    arrendatario arrendatarios comprador compradores vendedor vendedores jugador jugadores entrenador
    entrenadores profesor profesores docente docentes enfermero enfermera cuidador cuidadores preso presos menor
    menores testemunha testemunhas reu requerente requerentes aposentado aposentados eleitor eleitores doador
    doadores padrinho madrinha falecido falecidos herdeiro herdeiros viuvo viuva filho filhos filha filhas irmao
    proprietario proprietarios locador locatario locatarios condutor condutores jogador jogadores treinador
    treinadores enfermeiro cuidador detento detentos orang karyawan pelanggan pasien musteri musteriler hasta
    hastalar calisan calisanlar kullanici kullanicilar sotrudnik sotrudniki klienty zakaznik zakaznici
    zamestnanec zamestnanci angajat angajati ugyfel ugyfelek dolgozo dolgozok
    """
)

# After a word for people in a table's name: still about people.
PROFILE = _words(
    """
    profile profiles detail details info infos information data record records account accounts master
    demographics demographic registration registrations directory list stamm stammdaten identity identities
    extended extra attributes base core main export import history archive dim dimension fact snapshot backup
    bak old new copy pii private personal staging stage raw
    matricula matriculas gegevens akte akten kartei cadastro cadastros fiche fiches dossier dossiers ficha
    fichas registro registros dati dane opplysninger uppgifter enrolment enrollment enrollments membership demog
    particulars hdr header
    """
)

TABLE_AFFIXES = _words(
    """
    tbl tab t tb dim stg stage staging raw fact fct ods src dw dwh vw v mv base tmp temp bak backup old new hist
    history archive export import copy app auth core crm hr sys wp res public my mst master m mt snapshot final
    v1 v2 all active deleted current clinic shop
    """
)

ADDRESS_TABLES = _words(
    """
    address addresses adresse adressen adresses direccion direcciones endereco enderecos residence residences
    order orders shipment shipments invoice invoices delivery deliveries shipping billing bestellung
    bestellungen commande commandes pedido pedidos kontakt booking bookings reservation reservations anschrift
    anschriften household households
    waybill waybills consignment consignments deliveries lieferung lieferungen livraison livraisons entrega
    entregas envio envios spedizione spedizioni
    """
)

PLACE_QUALIFIERS = _words(
    """
    shipping ship billing bill home delivery mailing residence residential invoice postal work birth
    dest destination recipient consignee sender pickup dropoff domicile domicilio wohn privat
    """
)

MEDICAL_TABLES = _words(
    """
    clinic clinics hospital hospitals ehr emr fhir medizin klinik hopital salud saude clinica patient patients
    visit visits encounter encounters admission admissions diagnosis diagnoses prescription prescriptions
    treatment treatments clinical medical lab labs labevents observation observations condition conditions
    immunization immunizations allergy allergies vitals health consultation consultations patienten behandlung
    behandlungen befund befunde diagnosen consultas paciente pacientes obs noteevents examination examinations
    hospitalization hospitalizations therapy therapies surgery surgeries
    rx vaccination vaccinations triage referral referrals arzttermin sprechstunde     citas consulta consultations
    ordonnances rendus hospitalisation hospitalisations pazienti paziente visite
    hopitaux krankenhaus krankenhaeuser hospitais hospitales arztpraxis medecine medizinisch medicina sejour sejours
    anamnese anamnesen laboratoire radiology radiologie radiologia pathology ward wards nursing pflege
    ricoveri opnames wizyty pacjenci behandlingen emergencies icu     """
)

CARD_TABLES = _words(
    """
    card cards creditcard creditcards creditcarddetails paymentcard paymentcards kreditkarte kreditkarten
    tarjetas cartoes
    """
)

# Beside these a card is something else.
OTHER_CARDS = _words(
    """
    game games gift report reports business loyalty library score trading playing type types sim graphics flash
    index punch time post
    """
)

# Tables whose rows are not persons although a personal word may stand in them.
GOODS_TABLES = _words(
    """
    course courses event events project projects repo repos repository repositories company companies
    organization organizations organisation organisations team teams department departments role roles group
    groups product products item items article articles sku skus goods film films movie movies book books
    category categories brand brands garment garments clothing shoes catalog inventory stock variant variants
    city cities town towns country countries region regions state states zip zipcode zipcodes postcode postcodes
    plz ort orte ville villes ciudad ciudades cidade cidades airport airports station stations animal animals
    pet pets dog dogs cat cats horse horses species breed breeds part parts material materials produkt produkte
    artikel produit produits producto productos produto produtos genre genres config settings lookup codes place
    places warehouse warehouses venue venues airline airlines plant plants connector connectors size sizes
    """
)
