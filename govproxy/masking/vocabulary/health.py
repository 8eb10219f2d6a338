"""Words for health, and for what nobody may ask about.

Data only; how it is read: ``masking.vocabulary``.
"""

from __future__ import annotations

from govproxy.masking.vocabulary.context import Context, Phrases

PHRASES: Phrases = {
    "religion": {
        Context.ANY: """
            relig, konfess, religious pref, religious preference,
            religion, religious affiliation, religious belief, faith, konfession, religionszugehoerigkeit,
            confession, religiao, denomination religious,
            kirchensteuer, kirchensteuermerkmal, kirchensteuer merkmal, kirchenzugehoerigkeit, church tax, church
            membership, glaube, culte religieux, creencia religiosa,
            culte, croyance, croyance religieuse, crenca, crenca religiosa, religionsbekenntnis, bekenntnis
            religion, religioese zugehoerigkeit, appartenance religieuse, afiliacion religiosa, filiacao
            religiosa
        """,
    },
    "ethnicity": {
        Context.ANY: """
            ethn group, ethn grp, ethn cd, ethnic grp, ethn,
            ethnicity, ethnic group, ethnic origin, ethnic background, racial origin, race ethnicity,
            ethnie, origine ethnique, etnia, etnicidad, etnicidade, hautfarbe, ethnische herkunft,
            herkunft ethnisch,
            ethnic code, ethnic, ethnic category, ethnic group code, raca cor, cor raca, race code, race category,
            grupo etnico, groupe ethnique, ethnische zugehoerigkeit,
            caste category, caste, indigenous status, aboriginal status, tribe name, minority status, migration
            background, migrationshintergrund
        """,
        Context.PEOPLE: """
            race, raza, raca
        """,
        Context.MEDICAL: """
            race
        """,
    },
    "orientation": {
        Context.ANY: """
            sex orient, sexual orient,
            sexual orientation, sexuality, sexual preference, sexuelle orientierung, orientation sexuelle,
            orientacion sexual, orientacao sexual,
            sexual pref, sex pref, preference sexuelle, preferencia sexual
        """,
    },
    "politics": {
        Context.ANY: """
            political party, political affiliation, political opinion, party affiliation, union member,
            union membership, trade union, gewerkschaft, gewerkschaftsmitglied, appartenance syndicale,
            afiliacion politica,
            parti politique, partido politico, filiacao partidaria, filiacion politica,
            parteizugehoerigkeit, parteimitglied, party member, party membership, political leaning,
            political views, voting intention, registered party, afiliacion sindical, filiacao sindical,
            syndique, adhesion syndicale, works council member, opinion politique, opinion politica, opiniao
            politica, politische meinung, politische gesinnung, union dues
        """,
        Context.PEOPLE: """
            party, partei, partido, parti, sindicato, syndicat
        """,
    },
    "criminal_record": {
        Context.ANY: """
            criminal record, criminal history, conviction, convictions, vorstrafen, vorstrafe,
            casier judiciaire, antecedentes penales, antecedentes criminais,
            arrest record, arrest history, arrests, offence history, offense history, felony, felonies,
            misdemeanor, misdemeanors, prior convictions, background check result, fuehrungszeugnis,
            strafregister, straftat, straftaten, verurteilung, verurteilungen, condamnation, condamnations,
            antecedents judiciaires, delitos, condena, condenas, antecedentes policiais, condenacao,
            condenacoes, ficha criminal, ficha policial
        """,
    },
    "biometric": {
        Context.ANY: """
            fingerprint template, biometric, biometrics, biometric data, face embedding, face encoding,
            face template, iris scan, voiceprint, voice print, faceprint, dna sequence, genome, genotype,
            retina scan,
            fingerprint data, fingerprints, fingerprint image, thumbprint, palm print, facial template,
            facial recognition data, face vector, iris template, iris code, retina image, hand geometry,
            voice template, fingerabdruck, fingerabdruecke, gesichtsmerkmale, biometrische daten,
            stimmprofil, empreintes digitales, empreinte vocale, donnees biometriques, huella dactilar,
            huellas dactilares, datos biometricos, impressao digital, dados biometricos, dna profile, dna
            sample, genetic data, genetic profile, genetic marker, perfil genetico, genetische daten,
            donnees genetiques
        """,
    },
    "health": {
        Context.ANY: """
            bld group, bld grp, bld type, inj desc, injury desc, med cond, med condition, medical cond,
            schwerbehindert, schwerbehinderung, pregnant, hiv positive,
            adverse event, adverse events, adverse reaction, injury description, injury, injuries,
            surgical history, family history medical, vaccination, vaccinations, vaccine, lab value, hba1c,
            cholesterol, heart rate, pulse rate, body temperature, glucose level, viral load, fetal weight,
            gestational age, pain score, treatment plan, treatment notes, diagnosis, diagnoses,
            diagnosis code, icd, icd10, icd9, icd code, icd10 code, icd9 code, allergies, allergy,
            blood type, blood group, blood pressure, medical condition, medical conditions,
            health condition, health status, medical history, disability, disability status, disabilities,
            hiv status, pregnancy, pregnancy status, symptoms, chief complaint, comorbidities, diagnose,
            diagnosen, blutgruppe, allergien, behinderung, krankheit, krankheiten, vorerkrankungen,
            diagnostic medical, maladie, groupe sanguin, handicap, antecedents medicaux, diagnostico,
            alergias, tipo sangre, grupo sanguineo, tipo sanguineo, enfermedad, enfermedades, discapacidad,
            doenca, doencas, alergia, deficiencia, vaccination status, immunization, immunizations,
            smoking status, mental health, bmi, body mass index, lab result, lab results, test result hiv,
            principal diagnosis, admission diagnosis, discharge diagnosis, cause of death,
            sick leave reason, drg code, snomed code,
            hauptdiagnose, nebendiagnose, aufnahmediagnose, entlassungsdiagnose, motif consultation, motif
            hospitalisation, diagnosis description, condition description, allergy description, systolic, diastolic,
            systolic bp, diastolic bp, systolic pressure, diastolic pressure, spo2, oxygen saturation, blood sugar,
            pregnancy test, preg test, preg test result, pregnancy result, disability code, disability type,
            disability ind, chronic conditions, chronic disease, medical alert, medical alerts, medical needs,
            dietary restrictions medical, body weight, body height, koerpergewicht, koerpergroesse, motivo consulta,
            motivo de consulta, motivo ingreso, beschwerden, symptome, symptomes, sintomas, grado discapacidad, grad
            der behinderung, gdb, handicap type, therapie, behandlung diagnose, screening result, covid status,
            covid test, std status, addiction, addictions, substance abuse, psychiatric history,
            queixa principal, tipo sangue, fator rh, rh factor, groupe rhesus, rhesus, medical class, medical class
            code, fitness status, blood sugar level, o2 sat, respiratory rate, hr bpm, bp systolic, bp diastolic,
            apgar, apgar score, tumor stage, cancer stage, biopsy result, pathology result, genetic test, diagnostic
            principal, diagnostico principal, diagnostico secundario, diagnostico ppal, diagnosi, cid principal, cid
            10, sintoma principal, motivo atendimento, motivo ingreso urgencias, grossesse, embarazo, gravidez,
            schwanger, schwangerschaft, alcohol use, drug use, tobacco use, smoker, raucher, fumeur, fumador,
            fumante, invalidite, taux invalidite, incapacidad, minusvalia, krankheitstage, krankmeldung, sick note,
            arret maladie, baja medica, atestado medico, implant, implants, operation history, surgeries, impfung,
            impfungen, impfstatus, vaccin, vacuna, vacina,
            krankheit, krankheiten, erkrankung, erkrankungen, vorerkrankung, vorerkrankungen,
            krankschreibung, krankmeldung, arbeitsunfaehigkeit, behinderung, grad behinderung, gdb,
            pflegegrad, pflegestufe, symptom, symptome, symptoms, beschwerden, hauptbeschwerde,
            aufnahmegrund, einweisungsgrund, hauptdiagnose, nebendiagnose, unvertraeglichkeit,
            unvertraeglichkeiten, schwanger, schwangerschaft, impfstatus, impfung, impfungen, maladie,
            maladies, pathologie, pathologies, antecedents medicaux, handicap, taux invalidite, invalidite,
            arret maladie, motif hospitalisation, motif admission, motif consultation, grossesse, enceinte,
            vaccin, vaccins, rhesus, enfermedad, enfermedades, padecimiento, padecimientos, sintoma,
            sintomas, discapacidad, grado discapacidad, incapacidad, baja medica, motivo consulta, motivo
            ingreso, embarazo, embarazada, vacuna, vacunas, dolencia, dolencias, antecedentes medicos,
            doenca, doencas, enfermidade, enfermidades, deficiencia, gravidez, gestante, vacina, vacinas,
            queixa principal, motivo internacao, atestado medico, tipo sanguineo, fator rh, chief complaint,
            presenting complaint, presenting problem, reason for visit, reason for admission, admission
            reason, visit reason, admitting diagnosis, comorbidity, comorbidities, illness, illnesses,
            disease, diseases, ailment, ailments, sick leave reason, disability type, disability status,
            impairment, impairments, medical leave reason, pregnancy, pregnancy status, mental health,
            psychiatric history, addiction, substance use, smoking status, smoker, alcohol use, drug use,
            hiv status, vaccination status, immunization status, bmi, body mass index,
            lesion, lesiones, lesao, lesoes, blessure, blessures, verletzung, verletzungen, sen status,
            special needs, special educational needs, foerderbedarf, besoins educatifs, besoins
            particuliers, necesidades educativas, necesidades especiales, necessidades especiais, dietary
            requirements, dietary needs
        """,
        Context.MEDICAL: """
            wt, ht,
            condition, conditions, result, results, result value, weight, height, outcome, severity,
            procedure, procedure code, reason, complaint, treatment, vital signs, diagnostic, drug, dose,
            value,
            value numeric, value text, value coded, numeric value, observation value, dosing instructions,
            instructions, antecedentes, antecedents, motif, poids, taille, peso, altura, gewicht, groesse, pulse,
            temperature, bp, diagnosis text, verlauf, prognosis, stage, grade, triage level,
            motif, motivo, reason, complaint, complaints, grund, plainte, queixa
        """,
        Context.PEOPLE: """
            height, weight, poids, taille, peso, altura, estatura, gewicht, groesse, lengte, waga, wzrost
        """,
    },
    "medication": {
        Context.ANY: """
            dosage, rx number, rx name, prescribed drug, posology, posologie, dosierung, medication,
            medications, medication name, prescription, prescriptions, drug name, drug prescribed,
            current medications, medikament, medikamente, medikation, medicament, medicaments,
            traitement medical, ordonnance, medicamento, medicamentos, medicacion, medicacao, receita medica,
            drug prescribed name, active substance, wirkstoff, arzneimittel, farmaco recetado, dosing, dosage
            instructions, prescribed medication,
            rx notes, rx instructions, rx drug, rx medication, medicine, medicines, medicine name, tablet name, drug
            dose, medicatie lijst, medikamentenplan, traitement en cours, tratamiento actual, remedio, remedios
        """,
    },
    "medical_record": {
        Context.ANY: """
            npi, npi number, prescriber npi, provider npi, dea number, mrn, medical record number,
            medical record no, patient number, patient no, patient identifier, patientennummer,
            numero patient, numero paciente, numero historia clinica, nhs number, nhs no,
            historia number, number historia, hc number, chart number, chart no, fallnummer patient, patient id
            number, hospital
            number, unit number patient, num dossier patient, dossier patient number, krankenakte number,
            nhc, numero historial, historial clinico number, prontuario number, number prontuario, ipp, patient ipp,
            numero ipp, fall number patient, pid number patient, empi, master patient index, hospital id number, nhs
            num, chi number, h number patient
        """,
        Context.MEDICAL: """
            identifier, patient id ext, chart
        """,
    },
    "health_insurance": {
        Context.ANY: """
            ins card no, ins card number, insurance card no, health ins no, ins id no, ins policy no,
            insurance number, insurance policy number, medical aid number, insurance card number,
            insurance no, krankenversicherung nummer, mutuelle numero, numero mutuelle,
            numero seguro medico, krankenkasse, health insurance number, insurance member id,
            medicare number, medicare id, mbi, medicaid id, medicaid number, krankenversicherungsnummer,
            versichertennummer, versicherten nummer, kvnr, carte vitale, numero carte vitale,
            health card number, ohip number, insurance policy number health,
            vers number, versicherungsnummer, versicherungs number, kassennummer, kassen number, health plan number,
            health plan id, member insurance number, numero assure, numero affiliation, insurance member number,
            insurance subscriber id,
            cns, cartao nacional saude, convenio number, number convenio, number carteirinha, carteirinha, numero
            poliza salud, poliza salud, seguro salud number, mutuelle adherent, numero adherent mutuelle, ncp
            mutuelle, health fund number, membership number health, private insurance number, zusatzversicherung
            number, ahv versicherten number, versichertenkarte, versicherten id
        """,
        Context.MEDICAL: """
            kasse, policy number, subscriber id, member id, payer id number
        """,
    },
    "health_text": {
        Context.ANY: """
            clin notes, clin note, med report, med rpt, medical report, nursing note, med notes,
            clinical notes, clinical note, doctor notes, doctors notes, medical notes, medical note,
            nurse notes, nursing notes, progress notes medical, discharge summary, anamnesis, anamnese,
            befund, arztbrief, compte rendu medical, historia clinica, therapy notes, soap notes,
            health notes, diagnosis notes,
            soap note, observations cliniques, observaciones clinicas, observacoes clinicas, note clinique, notes
            cliniques, epikrise, pflegebericht, consult note, consult notes, visit note, visit notes, physician
            note, physician notes, treatment note, referral letter, operative note, operative notes, evolucion
            clinica, radiology report, pathology report, befund text, befundtext,
            patient notes, patient note, patient comments, examination notes, exam notes, treatment notes, therapy
            note, counselling notes, counseling notes, triage notes, intake notes, anamnese text, krankengeschichte,
            krankheitsverlauf, histoire maladie, antecedents familiaux, historia enfermedad, historico medico,
            historia medica,
            arztbericht, entlassbericht, entlassungsbericht, operationsbericht, op bericht, informe alta,
            informe medico, resumen alta, lettre sortie, laudo medico, parecer medico, evolucao clinica,
            compte rendu operatoire, compte rendu hospitalisation
        """,
        Context.MEDICAL: """
            notes, note, note text, comments, comment, summary, description, remarks, observations,
            findings, finding, report, assessment, narrative, impression, text, history, plan, notizen,
            bemerkung, bemerkungen,
            compte rendu, conclusion, conclusions, laudo, parecer, evolucion, evolucao, informe, verlauf,
            bericht, observation
        """,
    },
}
